"""Any way to search a corpus as one row: quality with its interval, bytes a document, operations and time a query.

`measure` takes a pipeline and a test bed; `table` puts such rows side by side, against one of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lateint_ref.checks import Int64Array, describe, whole
from lateint_ref.cost import bytes_per_vector
from lateint_ref.evaluation import Run, paired_test, per_query
from lateint_ref.scores import maxsim_scores, top_k
from workbook.testbeds import Question, Testbed

if TYPE_CHECKING:
    import pandas as pd

Search = Callable[[Question, int], Any]


@dataclass(frozen=True)
class Pipeline:
    """A way to search, and what it costs by count.

    Attributes:
        name: for tables.
        search: question and `k` to the positions of up to `k` different documents, best first.
        bytes_per_document: what is stored, mean over documents; index structures count where the pipeline has one.
        operations: mean over queries of the pairs of numbers that meet: one dimension of a query vector and one of a
            document vector count 1, whether float or bit. What one such pair takes depends on the representation.
        bytes_read: stored bytes that a query looks at, mean over queries.
    """

    name: str
    search: Search
    bytes_per_document: float
    operations: float
    bytes_read: float

    def __post_init__(self) -> None:
        """Check the counts.

        Raises:
            TypeError: `search` cannot be called.
            ValueError: a count that is not a finite number, 0 or more.
        """
        if not callable(self.search):
            raise TypeError(f"search must be a function of a question and k, got {describe(self.search)}.")
        for name in ("bytes_per_document", "operations", "bytes_read"):
            value = getattr(self, name)
            if not (isinstance(value, (int, float, np.number)) and math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} of {self.name!r} must be a finite number, 0 or more, got {value!r}.")


def by_score(score: Callable[[Question], Any]) -> Search:
    """A search from a function that scores every document: question to `(n_docs,)`, larger is better."""
    return lambda question, k: top_k(score(question), k)


def exhaustive(
    name: str, testbed: Testbed, score: Callable[[Question], Any], n_vectors: int, dim: int, representation: str
) -> Pipeline:
    """A pipeline that meets every stored vector with every query vector.

    Args:
        name: for tables.
        testbed: where the queries come from.
        score: question to `(n_docs,)` scores.
        n_vectors: vectors stored in all.
        dim: their dimensions.
        representation: how they are stored, a key of `cost.LAYOUTS`.

    Raises:
        TypeError, ValueError: as `cost.bytes_per_vector`.
    """
    stored = whole(n_vectors, "n_vectors") * bytes_per_vector(dim, representation)
    met = mean_query_vectors(testbed) * n_vectors * dim
    return Pipeline(name, by_score(score), stored / len(testbed.documents), met, stored)


def exact_maxsim(testbed: Testbed, name: str = "MaxSim, float32") -> Pipeline:
    """The yardstick: exact MaxSim in float32 with every document."""
    documents = testbed.documents
    return exhaustive(
        name,
        testbed,
        lambda question: maxsim_scores(question.vectors, documents),
        len(documents.vectors),
        documents.dim,
        "float32",
    )


def mean_query_vectors(testbed: Testbed) -> float:
    """How many vectors a question has, on average."""
    return float(np.mean([len(question.vectors) for question in testbed.questions]))


@dataclass(frozen=True)
class Measured:
    """One pipeline on one test bed.

    Attributes:
        name: the pipeline's.
        testbed: the test bed's.
        measure: what `quality` is: nDCG@10 or nDCG@5.
        quality: mean over the questions.
        low: lower end of its 95% bootstrap interval over questions.
        high: its upper end.
        per_query: query id to quality, for paired tests.
        run: query id to document id to rank value, for other measures.
        bytes_per_document: as the pipeline's.
        operations: as the pipeline's.
        bytes_read: as the pipeline's.
    """

    name: str
    testbed: str
    measure: str
    quality: float
    low: float
    high: float
    per_query: dict[str, float]
    run: Run
    bytes_per_document: float
    operations: float
    bytes_read: float


def measure(pipeline: Pipeline, testbed: Testbed, depth: int = 100) -> Measured:
    """Search for every question of a test bed and judge what comes back.

    Args:
        pipeline: what to measure.
        testbed: what on.
        depth: how many documents to ask for.

    Raises:
        TypeError: `depth` is not a whole number.
        ValueError: the pipeline returned something else than up to `depth` different positions of documents.
    """
    depth = min(whole(depth, "depth"), len(testbed.documents))
    run: Run = {}
    for question in testbed.questions:
        found = pipeline.search(question, depth)
        positions = _checked(found, depth, len(testbed.documents), pipeline.name, question.id)
        run[question.id] = {testbed.documents.ids[at]: float(depth - rank) for rank, at in enumerate(positions)}
    values = per_query(run, testbed.dataset.qrels, testbed.measure)
    low, high = bootstrap_interval(np.mean, np.array(list(values.values())))
    return Measured(
        pipeline.name,
        testbed.name,
        testbed.measure,
        float(np.mean(list(values.values()))),
        low,
        high,
        values,
        run,
        float(pipeline.bytes_per_document),
        float(pipeline.operations),
        float(pipeline.bytes_read),
    )


def table(rows: Sequence[Measured], against: str | None = None) -> pd.DataFrame:
    """Rows of one test bed side by side. Times are left out: see `timing.processor_times`.

    Args:
        rows: what `measure` returned, one name each, on one test bed.
        against: the name of the row that the others are compared with; by default the first.

    Returns:
        A row a pipeline: quality and its 95% interval, `kept` (share of the reference's quality, with its own 95%
        interval over questions), `difference` and `p` (paired randomization test), `bytes a document`, `times
        smaller`, and `operations` and `bytes read` as shares of the reference's.

    Raises:
        ValueError: no rows, rows of several test beds, a name twice, or no row named `against`.
    """
    import pandas as pd

    reference = _reference(rows, against)
    found = {}
    for row in rows:
        test = paired_test(row.per_query, reference.per_query)
        low, high = kept_interval(row, reference)
        found[row.name] = {
            row.measure: row.quality,
            "95% interval": f"{row.low:.3f} to {row.high:.3f}",
            "kept": row.quality / reference.quality,
            "kept, 95% interval": f"{low:.3f} to {high:.3f}",
            "difference": test.difference,
            "p": test.p_value,
            "bytes a document": row.bytes_per_document,
            "times smaller": reference.bytes_per_document / row.bytes_per_document,
            "operations": row.operations / reference.operations,
            "bytes read": row.bytes_read / reference.bytes_read,
        }
    return pd.DataFrame(found).T.infer_objects()


def kept_interval(row: Measured, reference: Measured, resamples: int = 10_000, seed: int = 0) -> tuple[float, float]:
    """95% bootstrap interval, over questions drawn in pairs, of one mean quality divided by another.

    Raises:
        ValueError: the two were not measured on the same questions, or the reference finds nothing.
    """
    if set(row.per_query) != set(reference.per_query):
        raise ValueError(f"{row.name!r} and {reference.name!r} were not measured on the same questions.")
    if not reference.quality:
        raise ValueError(f"the quality of {reference.name!r} is 0: nothing is a share of it.")
    first = np.array([row.per_query[name] for name in reference.per_query])
    second = np.array(list(reference.per_query.values()))
    return bootstrap_interval(_ratio, first, second, resamples=resamples, seed=seed)


def _ratio(first: Any, second: Any, axis: int = -1) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):  # a resample in which the reference finds nothing
        return np.mean(first, axis=axis) / np.mean(second, axis=axis)


def bootstrap_interval(
    statistic: Callable[..., Any], *samples: Any, resamples: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """95% percentile bootstrap interval of a statistic over questions.

    Args:
        statistic: takes each of the samples and `axis`. A resample for which it is not finite does not count.
        samples: one number a question each; several are drawn in pairs.
        resamples: how many are drawn.
        seed: of these.
    """
    from scipy.stats import bootstrap

    if len(samples[0]) < 2:  # one question, always drawn
        value = float(statistic(*samples, axis=-1))
        return value, value
    drawn = bootstrap(
        samples,
        statistic,
        paired=len(samples) > 1,
        n_resamples=resamples,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).bootstrap_distribution
    low, high = np.percentile(drawn[np.isfinite(drawn)], [2.5, 97.5])
    return float(low), float(high)


def _reference(rows: Sequence[Measured], against: str | None) -> Measured:
    if not rows:
        raise ValueError("rows is empty: measure at least one pipeline.")
    if len({row.testbed for row in rows}) > 1 or len({frozenset(row.per_query) for row in rows}) > 1:
        raise ValueError("rows must all be measured on the same questions of one test bed: make one table each.")
    names = [row.name for row in rows]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"two rows are named {twice!r}: every pipeline needs a name of its own.")
    if against is not None and against not in names:
        raise ValueError(f"against must be the name of a row, one of {names}, got {against!r}.")
    return rows[0 if against is None else names.index(against)]


def _checked(found: Any, depth: int, n_docs: int, name: str, question: str) -> Int64Array:
    positions = np.asarray(found)
    if positions.ndim != 1 or (len(positions) and not np.issubdtype(positions.dtype, np.integer)):
        raise ValueError(f"{name!r} must return positions of documents for {question!r}, got {describe(found)}.")
    if len(positions) > depth or len(np.unique(positions)) < len(positions):
        raise ValueError(
            f"{name!r} must return at most {depth} different documents for {question!r}, got {len(positions)}, "
            f"{len(np.unique(positions))} of them different."
        )
    if len(positions) and (positions.min() < 0 or positions.max() >= n_docs):
        raise ValueError(
            f"{name!r} returned positions from {positions.min()} to {positions.max()} for {question!r}, but the "
            f"documents are 0 to {n_docs - 1}."
        )
    return positions.astype(np.int64)
