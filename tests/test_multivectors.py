"""The container: building, slicing, joining, saving, and what it refuses."""

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import unit_vectors
from lateint_ref import MultiVectors, PackedMultiVectors

THREE = [unit_vectors(n, 4, seed=n) for n in (2, 1, 5)]
IDS = ["a", "b", "c"]


@pytest.fixture
def collection():
    return MultiVectors.from_list(THREE, IDS)


def test_layout(collection):
    assert len(collection) == 3
    assert collection.dim == 4
    assert collection.offsets.tolist() == [0, 2, 3, 8]
    assert collection.lengths.tolist() == [2, 1, 5]
    assert collection.vectors.dtype == np.float32
    assert repr(collection) == "MultiVectors(3 documents, 1 to 5 vectors each, 8 x 4 float32)"


def test_access(collection):
    for index, (name, matrix) in enumerate(zip(IDS, THREE, strict=True)):
        np.testing.assert_array_equal(collection[index], matrix)
        np.testing.assert_array_equal(collection[name], matrix)
    np.testing.assert_array_equal(collection[-1], THREE[-1])
    for got, expected in zip(collection, THREE, strict=True):
        np.testing.assert_array_equal(got, expected)
    assert np.shares_memory(collection[0], collection.vectors)
    assert collection[1:].ids == ["b", "c"]
    assert collection.take(["c", "a"]).ids == ["c", "a"]
    np.testing.assert_array_equal(collection.take([2, 0])["a"], THREE[0])


def test_default_ids():
    assert MultiVectors.from_list(THREE).ids == ["0", "1", "2"]


def test_accepts_a_three_axis_array():
    assert len(MultiVectors.from_list(np.ones((5, 3, 4)))) == 5


@settings(deadline=None)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=6), st.integers(0, 6))
def test_cut_and_joined_is_the_same(lengths, cut):
    whole = MultiVectors.from_list([unit_vectors(n, 3, seed=i) for i, n in enumerate(lengths)])
    parts = [whole[index : index + 1] for index in range(len(whole))] if cut == 0 else [whole[:cut]]
    if 0 < cut < len(whole):
        parts.append(whole[cut:])
    again = MultiVectors.concatenate(parts)
    np.testing.assert_array_equal(again.vectors, whole.vectors)
    np.testing.assert_array_equal(again.offsets, whole.offsets)
    assert again.ids == whole.ids


def test_save_and_load(collection, tmp_path):
    path = collection.save(tmp_path / "vectors")
    assert path.name == "vectors.npz"
    again = MultiVectors.load(path)
    np.testing.assert_array_equal(again.vectors, collection.vectors)
    np.testing.assert_array_equal(again.offsets, collection.offsets)
    assert again.ids == collection.ids
    assert [entry.name for entry in tmp_path.iterdir()] == ["vectors.npz"]


def test_a_failed_save_keeps_the_old_file(collection, tmp_path, monkeypatch):
    path = collection.save(tmp_path / "vectors.npz")
    before = path.read_bytes()

    def fail(file, **arrays):
        file.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match="disk full"):
        collection.save(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["vectors.npz"]


def test_load_refuses_damage(collection, tmp_path):
    path = collection.save(tmp_path / "vectors.npz")
    damaged = tmp_path / "damaged.npz"
    damaged.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"damaged.npz is not a MultiVectors file .*or is damaged"):
        MultiVectors.load(damaged)
    np.savez(tmp_path / "other.npz", x=np.ones(3))
    with pytest.raises(ValueError, match=r"other.npz is not a MultiVectors file"):
        MultiVectors.load(tmp_path / "other.npz")
    np.savez(tmp_path / "pickled.npz", vectors=np.array([{"a": 1}], dtype=object), offsets=[0, 1], ids=["a"])
    with pytest.raises(ValueError, match=r"pickled.npz is not a MultiVectors file"):
        MultiVectors.load(tmp_path / "pickled.npz")
    np.save(tmp_path / "plain.npy", np.ones(3))
    with pytest.raises(ValueError, match=r"plain.npy is not a MultiVectors file"):
        MultiVectors.load(tmp_path / "plain.npy")
    with pytest.raises(FileNotFoundError):
        MultiVectors.load(tmp_path / "missing.npz")


@pytest.mark.parametrize(
    ("arrays", "ids", "error", "message"),
    [
        ([], None, ValueError, "arrays is empty"),
        ([THREE[0], np.empty((0, 4))], ["a", "b"], ValueError, "document 'b' is empty"),
        ([THREE[0], np.full((1, 4), np.nan)], ["a", "b"], ValueError, "document 'b' holds a NaN"),
        (
            [THREE[0], unit_vectors(2, 5)],
            ["a", "b"],
            ValueError,
            "document 'b' has 5 dimensions where document 'a' has 4",
        ),
        ([THREE[0], np.ones(4)], ["a", "b"], ValueError, "document 'b' must be a matrix"),
        ([THREE[0], [["x"]]], ["a", "b"], TypeError, "document 'b' must hold real numbers"),
        (THREE, ["a", "b"], ValueError, "ids has 2 entries for 3 documents"),
        (THREE, ["a", "b", "a"], ValueError, "ids must be unique: 'a' stands more than once"),
        (THREE, ["a", "b", 3], TypeError, "ids must be a str, got int 3"),
        (THREE, "abc", TypeError, "ids must be a list .*single string 'abc'"),
        (THREE[0], None, ValueError, "arrays must be a list .*Wrap a single document"),
    ],
)
def test_from_list_refuses(arrays, ids, error, message):
    with pytest.raises(error, match=message):
        MultiVectors.from_list(arrays, ids)


@pytest.mark.parametrize(
    ("offsets", "message"),
    [
        ([0, 2], "offsets must begin at 0 and end at the number of vectors, 3; got 0 ... 2"),
        ([1, 3], "offsets must begin at 0"),
        ([0, 2, 2, 3], "offsets must increase: document 1 would have 0 vectors"),
        ([0, 4, 3], "offsets must increase"),
        ([3], "offsets must be whole numbers"),
        ([0.0, 3.0], "offsets must be whole numbers"),
    ],
)
def test_offsets_that_do_not_fit(offsets, message):
    with pytest.raises(ValueError, match=message):
        MultiVectors(unit_vectors(3, 4), offsets)


def test_unknown_documents(collection):
    with pytest.raises(KeyError, match=r"no document has the id 'z' among 3 documents \(the first is 'a'\)"):
        collection["z"]
    with pytest.raises(KeyError, match="'z'"):
        collection.take(["a", "z"])
    for outside in (3, -4):
        with pytest.raises(IndexError, match=f"position {outside} is outside this collection of 3 documents"):
            collection[outside]
    with pytest.raises(ValueError, match="'a' stands more than once"):
        collection.take(["a", "a"])


def test_concatenate_refuses(collection):
    with pytest.raises(ValueError, match="parts is empty"):
        MultiVectors.concatenate([])
    with pytest.raises(ValueError, match=r"parts differ in dimensions \(\[4, 5\]\)"):
        MultiVectors.concatenate([collection, MultiVectors.from_list([unit_vectors(2, 5)])])
    with pytest.raises(ValueError, match="'a' stands more than once"):
        MultiVectors.concatenate([collection, collection])


# Selecting documents


@pytest.mark.parametrize(
    "chosen",
    [
        [True, False, True],
        np.array([True, False, True]),
        [0, 2],
        np.array([0, 2], np.uint8),
        [0, -1],
        ["a", "c"],
        np.array(["a", "c"]),
        (name for name in ("a", "c")),
        slice(None, None, 2),
    ],
)
def test_every_way_to_select(collection, chosen):
    taken = collection.take(chosen)
    assert taken.ids == ["a", "c"]
    np.testing.assert_array_equal(taken.vectors, np.concatenate([THREE[0], THREE[2]]))


@pytest.mark.parametrize(
    ("chosen", "error"),
    [
        ([1.7, 0.2], TypeError),
        (np.array([1.0]), TypeError),
        ("a", TypeError),
        (1, TypeError),
        (True, TypeError),
        ([True, False], ValueError),
        ([False, False, False], ValueError),
        ([], ValueError),
        ([0, 0], ValueError),
        ([0, 3], IndexError),
        (["a", "z"], KeyError),
        (["a", 1], TypeError),
        ([[0, 1]], TypeError),
    ],
)
def test_what_does_not_select_is_refused(collection, chosen, error):
    with pytest.raises(error):
        collection.take(chosen)


def test_a_single_document_by_whole_numbers_and_ids_alone(collection):
    np.testing.assert_array_equal(collection[np.int64(1)], THREE[1])
    assert collection[np.array([False, True, True])].ids == ["b", "c"]
    for key in (1.9, True, None):
        with pytest.raises(TypeError):
            collection[key]


def test_contains_ids(collection):
    assert "a" in collection
    assert "z" not in collection
    assert 0 not in collection


# What is no list of matrices


def test_any_iterable_of_documents(collection):
    again = MultiVectors.from_list((matrix for matrix in THREE), IDS)
    np.testing.assert_array_equal(again.vectors, collection.vectors)
    assert MultiVectors.from_list(collection).ids == IDS
    with pytest.raises(TypeError, match="ids=list"):
        MultiVectors.from_list(dict(zip(IDS, THREE, strict=True)))


def padded():
    batch = np.zeros((3, 5, 4), np.float32)
    mask = np.zeros((3, 5), bool)
    for row, matrix in enumerate(THREE):
        batch[row, : len(matrix)] = matrix
        mask[row, : len(matrix)] = True
    return batch, mask


@pytest.mark.parametrize("kind", ["bool", "int", "torch"])
def test_padded_documents_with_their_mask(collection, kind):
    batch, mask = padded()
    if kind == "int":
        mask = mask.astype(np.int64)
    if kind == "torch":
        torch = pytest.importorskip("torch")
        batch, mask = torch.from_numpy(batch).bfloat16(), torch.from_numpy(mask)
        expected = torch.from_numpy(collection.vectors).bfloat16().float().numpy()
    else:
        expected = collection.vectors
    found = MultiVectors.from_list(batch, IDS, mask=mask)
    assert found.offsets.tolist() == collection.offsets.tolist()
    np.testing.assert_array_equal(found.vectors, expected)


def test_padding_without_a_mask_is_refused():
    batch, mask = padded()
    with pytest.raises(ValueError, match="document 'a' ends in a row of zeros.*mask="):
        MultiVectors.from_list(batch, IDS)
    with pytest.raises(ValueError, match="document 'a' is a masked array"):
        MultiVectors.from_list(np.ma.masked_array(batch, np.repeat(~mask[:, :, None], 4, axis=2)), IDS)
    with pytest.raises(ValueError, match="mask has 4 entries for document 'a', which has 5 rows"):
        MultiVectors.from_list(batch, IDS, mask=mask[:, :4])
    with pytest.raises(ValueError, match="mask must hold"):
        MultiVectors.from_list(batch, IDS, mask=mask[:2])
    with pytest.raises(ValueError, match="document 'a' is empty"):
        MultiVectors.from_list(batch, IDS, mask=np.zeros((3, 5)))


def test_ids_are_kept_as_they_are(tmp_path):
    ids = ["a", "a\0", "é" * 5000]
    path = MultiVectors.from_list(THREE, ids).save(tmp_path / "vectors")
    assert MultiVectors.load(tmp_path / "vectors").ids == ids
    assert path.stat().st_size < 50_000


def test_files_of_earlier_versions_are_read(collection, tmp_path):
    np.savez(tmp_path / "old.npz", vectors=collection.vectors, offsets=collection.offsets, ids=np.array(IDS))
    assert MultiVectors.load(tmp_path / "old.npz").ids == IDS


def test_damage_of_any_kind_is_a_value_error(collection, tmp_path):
    whole = collection.save(tmp_path / "vectors.npz").read_bytes()
    damaged = tmp_path / "damaged.npz"
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(whole), 300):
        damaged.write_bytes(whole[:place] + bytes([whole[place] ^ 0x5A]) + whole[place + 1 :])
        with contextlib.suppress(ValueError):
            MultiVectors.load(damaged)


def test_collections_of_two_kinds_do_not_join(collection):
    packed = PackedMultiVectors(np.ones((1, 4), np.uint8), [0, 1])
    with pytest.raises(TypeError, match="parts must be a MultiVectors"):
        MultiVectors.concatenate([collection, packed])
