"""The container: building, slicing, joining, saving, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import unit_vectors
from lateint_ref import MultiVectors

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
        (THREE, ["a", "b", 3], TypeError, "ids must be strings, got int 3"),
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
