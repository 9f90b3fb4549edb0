"""The container: building, slicing, joining, and what it refuses."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import refused, unit_vectors
from lateint_ref import MultiVectors, PackedMultiVectors

THREE = [unit_vectors(n, 4, seed=n) for n in (2, 1, 5)]
IDS = ["a", "b", "c"]


@pytest.fixture
def collection():
    return MultiVectors.from_list(THREE, IDS)


def test_layout(collection):
    assert (len(collection), collection.dim) == (3, 4)
    assert collection.offsets.tolist() == [0, 2, 3, 8]
    assert collection.lengths.tolist() == [2, 1, 5]
    assert collection.vectors.dtype == np.float32
    assert repr(collection) == "MultiVectors(3 documents, 1 to 5 vectors each, 8 x 4 float32)"
    assert MultiVectors.from_list(THREE).ids == ["0", "1", "2"]


def test_access(collection):
    for index, (name, matrix, seen) in enumerate(zip(IDS, THREE, collection, strict=True)):
        for found in (collection[index], collection[np.int64(index - 3)], collection[name], seen):
            np.testing.assert_array_equal(found, matrix)
    assert np.shares_memory(collection[0], collection.vectors)
    assert collection[1:].ids == collection[np.array([False, True, True])].ids == ["b", "c"]
    np.testing.assert_array_equal(collection.take(["c", "a"])["a"], THREE[0])
    assert "a" in collection
    assert "z" not in collection
    assert 0 not in collection


def test_what_is_a_list_of_matrices(collection):
    assert len(MultiVectors.from_list(np.ones((5, 3, 4)))) == 5
    again = MultiVectors.from_list((matrix for matrix in THREE), IDS)
    np.testing.assert_array_equal(again.vectors, collection.vectors)
    assert MultiVectors.from_list(collection).ids == IDS
    refused(TypeError, "ids=list", MultiVectors.from_list, dict(zip(IDS, THREE, strict=True)))


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


def test_from_list_refuses():
    make, first = MultiVectors.from_list, THREE[0]
    refused(ValueError, "arrays is empty", make, [])
    refused(ValueError, "document 'b' is empty", make, [first, np.empty((0, 4))], ["a", "b"])
    refused(ValueError, "document 'b' holds a NaN", make, [first, np.full((1, 4), np.nan)], ["a", "b"])
    refused(ValueError, "'b' has 5 dim.* 'a' has 4", make, [first, unit_vectors(2, 5)], ["a", "b"])
    refused(ValueError, "document 'b' must be a matrix", make, [first, np.ones(4)], ["a", "b"])
    refused(TypeError, "document 'b' must hold real numbers", make, [first, [["x"]]], ["a", "b"])
    refused(ValueError, "ids has 2 entries for 3 documents", make, THREE, ["a", "b"])
    refused(ValueError, "'a' stands more than once", make, THREE, ["a", "b", "a"])
    refused(TypeError, "ids must be a str, got int 3", make, THREE, ["a", "b", 3])
    refused(TypeError, "ids must be a list .*single string 'abc'", make, THREE, "abc")
    refused(ValueError, "arrays must be a list .*Wrap a single document", make, first)


def test_offsets_that_do_not_fit():
    vectors = unit_vectors(3, 4)
    refused(ValueError, "offsets must begin at 0 and end at .*3; got 0 ... 2", MultiVectors, vectors, [0, 2])
    refused(ValueError, "offsets must begin at 0", MultiVectors, vectors, [1, 3])
    refused(ValueError, "document 1 would have 0 vectors", MultiVectors, vectors, [0, 2, 2, 3])
    refused(ValueError, "offsets must increase", MultiVectors, vectors, [0, 4, 3])
    for offsets in ([3], [0.0, 3.0]):
        refused(ValueError, "offsets must be whole numbers", MultiVectors, vectors, offsets)


def test_unknown_documents(collection):
    get = collection.__getitem__
    refused(KeyError, r"no document has the id 'z' among 3 documents \(the first is 'a'\)", get, "z")
    for outside in (3, -4):
        refused(IndexError, f"position {outside} is outside this collection of 3 documents", get, outside)
    for key in (1.9, True, None):
        refused(TypeError, "", get, key)


def test_concatenate_refuses(collection):
    refused(ValueError, "parts is empty", MultiVectors.concatenate, [])
    refused(ValueError, "'a' stands more than once", MultiVectors.concatenate, [collection, collection])
    packed = PackedMultiVectors(np.ones((1, 4), np.uint8), [0, 1])
    refused(TypeError, "parts must be a MultiVectors", MultiVectors.concatenate, [collection, packed])


SELECTIONS = [
    [True, False, True], np.array([True, False, True]), [0, 2], np.array([0, 2], np.uint8), [0, -1], ["a", "c"],
    np.array(["a", "c"]), (name for name in ("a", "c")), slice(None, None, 2),
]  # fmt: skip
NO_SELECTIONS = {
    TypeError: [[1.7, 0.2], np.array([1.0]), "a", 1, True, ["a", 1], [[0, 1]]],
    ValueError: [[True, False], [False] * 3, [], [0, 0], ["a", "a"]],
    IndexError: [[0, 3]],
    KeyError: [["a", "z"]],
}


def test_every_way_to_select(collection):
    for chosen in SELECTIONS:
        taken = collection.take(chosen)
        assert taken.ids == ["a", "c"]
        np.testing.assert_array_equal(taken.vectors, np.concatenate([THREE[0], THREE[2]]))
    for error, others in NO_SELECTIONS.items():
        for chosen in others:
            refused(error, "", collection.take, chosen)


# Padded documents


def padded():
    batch, mask = np.zeros((3, 5, 4), np.float32), np.zeros((3, 5), bool)
    for row, matrix in enumerate(THREE):
        batch[row, : len(matrix)] = matrix
        mask[row, : len(matrix)] = True
    return batch, mask


@pytest.mark.parametrize("convert", [np.asarray, np.int64, torch.from_numpy])
def test_padded_documents_with_their_mask(collection, convert):
    batch, mask = padded()
    found = MultiVectors.from_list(torch.from_numpy(batch).bfloat16(), IDS, mask=convert(mask))
    assert found.offsets.tolist() == collection.offsets.tolist()
    np.testing.assert_array_equal(found.vectors, torch.from_numpy(collection.vectors).bfloat16().float())
    np.testing.assert_array_equal(MultiVectors.from_list(batch, IDS, mask=mask).vectors, collection.vectors)


def test_padding_without_a_mask_is_refused():
    batch, mask = padded()
    masked = np.ma.masked_array(batch, np.repeat(~mask[:, :, None], 4, axis=2))
    refused(ValueError, "document 'a' ends in a row of zeros.*mask=", MultiVectors.from_list, batch, IDS)
    refused(ValueError, "document 'a' is a masked array", MultiVectors.from_list, masked, IDS)
    refused(ValueError, "4 entries for document 'a'", MultiVectors.from_list, batch, IDS, mask=mask[:, :4])
    refused(ValueError, "mask must hold", MultiVectors.from_list, batch, IDS, mask=mask[:2])
    refused(ValueError, "document 'a' is empty", MultiVectors.from_list, batch, IDS, mask=np.zeros((3, 5)))
