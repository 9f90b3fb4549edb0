"""MaxSim against its definition, against PyLate and colpali-engine, and against bad input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from helpers import maxsim_by_loops, refused, unit_vectors
from lateint_ref import MultiVectors, alignment, maxsim, maxsim_scores, similarity_matrix
from workbook.bench import peak_memory

VALUES = st.floats(-8, 8, width=32)


def matrices(max_rows: int = 9, dim: int = 5) -> st.SearchStrategy[np.ndarray]:
    return st.integers(1, max_rows).flatmap(lambda n: arrays(np.float32, (n, dim), elements=VALUES))


def joined(matrices):
    """A collection, zero rows included, which `from_list` takes for padding."""
    return MultiVectors(np.concatenate(matrices), np.cumsum([0, *map(len, matrices)]))


def test_by_hand():
    # rows of the query: "red", "car"; rows of the document: "scarlet", "vehicle", "the"
    query = np.array([[1.0, 0.0], [0.0, 1.0]])
    document = np.array([[0.9, 0.1], [0.2, 0.8], [0.1, 0.1]])
    assert similarity_matrix(query, document) == pytest.approx(np.array([[0.9, 0.2, 0.1], [0.1, 0.8, 0.1]]))
    assert maxsim(query, document) == pytest.approx(0.9 + 0.8)
    assert maxsim(document, query) == pytest.approx(0.9 + 0.8 + 0.1)
    chosen = alignment(query, document)
    assert chosen.indices.tolist() == [0, 1]
    assert chosen.similarities == pytest.approx([0.9, 0.8])


@settings(deadline=None)
@given(matrices(), st.lists(matrices(), min_size=1, max_size=5))
def test_scores_equal_the_definition(query, documents):
    scores = maxsim_scores(query, joined(documents))
    assert scores.dtype == np.float32
    for score, document in zip(scores, documents, strict=True):
        assert maxsim(query, document) == pytest.approx(maxsim_by_loops(query, document), rel=1e-4, abs=1e-3)
        assert score == pytest.approx(maxsim(query, document), rel=1e-5, abs=1e-4)


@settings(deadline=None)
@given(matrices(), matrices())
def test_alignment_explains_the_score(query, document):
    chosen = alignment(query, document)
    assert chosen.similarities.sum() == pytest.approx(maxsim(query, document), rel=1e-5, abs=1e-4)
    picked = np.einsum("qd,qd->q", query, document[chosen.indices])
    assert chosen.similarities == pytest.approx(picked, rel=1e-4, abs=1e-3)


@pytest.mark.parametrize("n_q", [1, 2, 3, 4, 5, 32, 33])
@pytest.mark.parametrize("dim", [1, 7, 128])
def test_every_tile_edge(n_q, dim):
    """Query rows are padded to a multiple of 4 and document rows taken by 3: no count of either may matter."""
    query = unit_vectors(n_q, dim, seed=1)
    documents = [unit_vectors(n, dim, seed=n) for n in (1, 2, 3, 4, 5, 6, 31)]
    scores = maxsim_scores(query, MultiVectors.from_list(documents))
    assert scores == pytest.approx([maxsim_by_loops(query, d) for d in documents], rel=1e-5, abs=1e-5)


def test_all_similarities_negative():
    """A padded row of zeros must never win the maximum, on either side."""
    query = -(unit_vectors(3) ** 2)
    documents = MultiVectors.from_list([unit_vectors(n, seed=n) ** 2 for n in (1, 2, 4)])
    scores = maxsim_scores(query, documents)
    assert (scores < 0).all()
    assert scores == pytest.approx([maxsim_by_loops(query, d) for d in documents], rel=1e-5)


def test_parity_with_pylate():
    import torch
    from pylate.scores import colbert_scores

    query = unit_vectors(32, 128)
    documents = [unit_vectors(n, 128, seed=n) for n in (20, 75, 300)]
    for document in documents:
        theirs = colbert_scores(torch.from_numpy(query)[None], torch.from_numpy(document)[None]).item()
        assert maxsim(query, document) == pytest.approx(theirs, rel=1e-6)
    padded = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(d) for d in documents], batch_first=True)
    mask = torch.tensor([[float(i < len(d)) for i in range(300)] for d in documents])
    theirs = colbert_scores(torch.from_numpy(query)[None], padded, None, mask)[0].numpy()
    assert maxsim_scores(query, MultiVectors.from_list(documents)) == pytest.approx(theirs, rel=1e-5)


def test_parity_with_colpali_engine():
    import torch
    from colpali_engine.utils.processing_utils import BaseVisualRetrieverProcessor as Processor

    query = unit_vectors(20, 128)
    documents = [unit_vectors(n, 128, seed=n) for n in (30, 64, 129)]
    given = [torch.from_numpy(query)], [torch.from_numpy(d) for d in documents]
    theirs = Processor.score_multi_vector(*given, device="cpu")[0].numpy()
    assert maxsim_scores(query, MultiVectors.from_list(documents)) == pytest.approx(theirs, rel=1e-5)


def test_memory_beside_the_input_is_small():
    """The promise: less than 64 MB beside the input for 32 query vectors against 500 x 1030 of 128 dimensions."""
    query = unit_vectors(32, 128)
    documents = MultiVectors(np.tile(unit_vectors(1030, 128), (500, 1)), np.arange(501) * 1030)
    peak = peak_memory(lambda: maxsim_scores(query, documents))
    if np.isnan(peak):
        pytest.skip("the peak of resident memory can be read on Linux only")
    assert peak < 64e6


GOOD = unit_vectors(3, 4)


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (np.empty((0, 4)), ValueError, "{name} is empty .*at least one vector"),
        (np.ones(4), ValueError, r"{name} must be a matrix .*1 axes.*\[None, :\]"),
        (np.full((2, 4), np.nan), ValueError, "{name} holds a NaN or an infinity, first in row 0"),
        ([[0, 0, 0, 0], [0, np.inf, 0, 0]], ValueError, "{name} holds a NaN or an infinity, first in row 1"),
        (np.ones((2, 4), bool), TypeError, "{name} must hold real numbers"),
        (np.ones((2, 4), complex), TypeError, "{name} must hold real numbers"),
        ([[1.0, 2.0], [1.0]], ValueError, "{name} must be .*differ in length"),
        (np.full((2, 4), 1e300), ValueError, "{name} holds a NaN or an infinity"),
        (None, TypeError, "{name} must hold real numbers"),
    ],
)
def test_bad_vectors(bad, error, message):
    for function in (similarity_matrix, maxsim, alignment):
        refused(error, message.format(name="query"), function, bad, GOOD)
        refused(error, message.format(name="document"), function, GOOD, bad)
    refused(error, message.format(name="query"), maxsim_scores, bad, MultiVectors.from_list([GOOD]))
