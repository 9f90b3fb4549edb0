"""Is one ranking better than another? Measures, tables and a paired significance test.

The measures are those of `ir-measures`; this file adds the checks, the tables and the test. A *run* maps
query id to document id to score.

Sources: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002 (nDCG); Smucker,
Allan and Carterette, "A Comparison of Statistical Significance Tests for Information Retrieval Evaluation",
CIKM 2007 (the randomization test).
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lateint_ref.checks import as_scores, describe, whole
from lateint_ref.datasets import Dataset, Qrels
from lateint_ref.scores import top_k

if TYPE_CHECKING:
    import pandas as pd

Run = dict[str, dict[str, float]]

MEASURES = ("nDCG@10", "RR@10", "R@100")


def make_run(dataset: Dataset, score: Callable[[str], Any], depth: int = 100) -> Run:
    """Score every document for every query of a dataset, and keep the `depth` best; ties keep the collection's order.

    `score` takes a query's text to `(n_docs,)` scores, larger is better. The run's values are `depth, depth - 1, ...`
    rather than these: of different scorings only ranks compare.
    """
    run: Run = {}
    for query in dataset.queries:
        scores = as_scores(score(query.text), f"score for query {query.id!r}", len(dataset.passages))
        best = top_k(scores, depth)
        run[query.id] = {dataset.ids[index]: float(len(best) - rank) for rank, index in enumerate(best)}
    return run


def per_query(run: Mapping[str, Mapping[str, float]], qrels: Qrels, measure: str = "nDCG@10") -> dict[str, float]:
    """One measure for every judged query, in the order of `qrels`; a query without results counts 0.

    Documents with equal scores rank as they stand in the run, for every measure: the libraries behind `ir-measures`
    break ties in different ways, so they are given ranks.

    Args:
        run: query id to document id to score.
        qrels: query id to document id to grade.
        measure: an `ir-measures` name such as `"nDCG@10"`, `"RR@10"`, `"R(rel=2)@100"`.

    Raises:
        TypeError: an id that is not a string.
        ValueError: an unknown measure or a cut-off below 1, no judgments, a query in `run` that is not judged, or a
            score that is not a finite number.
    """
    import ir_measures

    if not qrels:
        raise ValueError("qrels is empty: there is nothing to evaluate against.")
    unknown = [query_id for query_id in run if query_id not in qrels]
    if unknown:
        queries = f"{len(unknown)} queries without judgments, first {unknown[0]!r}"
        raise ValueError(f"run holds {queries}: is it a run of another split?")
    try:
        parsed = ir_measures.parse_measure(measure)
    except (AttributeError, NameError, TypeError, ValueError) as error:
        raise ValueError(f"measure must be an ir-measures name such as 'nDCG@10', got {measure!r}.") from error
    # A cut-off of 0 would abort the process, in compiled code.
    whole(parsed.params.get("cutoff", 1), f"the cut-off of measure {measure!r}")
    values = dict.fromkeys(qrels, 0.0)
    found = {query_id: _ranks(query_id, documents) for query_id, documents in run.items() if documents}
    if found:
        try:
            results = list(ir_measures.iter_calc([parsed], qrels, found))
        except (ArithmeticError, OSError, RuntimeError, subprocess.SubprocessError) as error:
            raise ValueError(f"measure {measure!r} cannot be computed here: {describe(error)}.") from error
        values |= {metric.query_id: float(metric.value) for metric in results}
    return values


def _ranks(query_id: str, documents: Mapping[str, float]) -> dict[str, float]:
    """Documents with their ranks as values, larger is better, instead of scores that may tie."""
    if not all(isinstance(name, str) for name in (query_id, *documents)):
        raise TypeError(f"ids in run must be strings, got {describe(query_id)} with {describe(next(iter(documents)))}.")
    names = list(documents)
    order = top_k(as_scores(list(documents.values()), f"the scores of query {query_id!r} in run"), len(names))
    return {names[place]: float(len(names) - rank) for rank, place in enumerate(order)}


def evaluate(
    run: Mapping[str, Mapping[str, float]], qrels: Qrels, measures: Sequence[str] = MEASURES
) -> dict[str, float]:
    """Mean of each measure over all judged queries."""
    return {measure: float(np.mean(list(per_query(run, qrels, measure).values()))) for measure in measures}


def compare(runs: Mapping[str, Run], dataset: Dataset, measures: Sequence[str] = MEASURES) -> pd.DataFrame:
    """A table with one system a row and one measure a column."""
    import pandas as pd

    return pd.DataFrame({name: evaluate(run, dataset.qrels, measures) for name, run in runs.items()}).T


def by_type(runs: Mapping[str, Run], dataset: Dataset, measure: str = "nDCG@10") -> pd.DataFrame:
    """A table with one query type a row, its number of queries, and one system a column; last row: all."""
    import pandas as pd

    types = pd.Series({query.id: query.type for query in dataset.queries}, name="type")
    values = pd.DataFrame({name: per_query(run, dataset.qrels, measure) for name, run in runs.items()})
    table = values.groupby(types).mean()
    table.loc["all"] = values.mean()
    counts = types.value_counts()
    table.insert(0, "queries", [int(counts.get(kind, len(types))) for kind in table.index])
    return table


def bootstrap_interval(
    statistic: Callable[..., Any], *samples: Any, resamples: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """Ends of the 95% percentile interval of a statistic over queries, which are drawn anew with replacement.

    `statistic` takes arrays along `axis`, as `np.mean`; of several samples, `(n_queries,)` each, as for a ratio of
    means, the same queries are drawn.
    """
    from scipy.stats import bootstrap

    rng = np.random.default_rng(seed)
    found = bootstrap(samples, statistic, n_resamples=resamples, paired=len(samples) > 1, method="percentile", rng=rng)
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


@dataclass(frozen=True)
class PairedTest:
    """Two systems on the same queries: the first less the second."""

    difference: float  # of the means
    low: float  # lower end of the difference's 95% bootstrap interval
    high: float  # its upper end
    p_value: float  # two-sided, of the paired randomization test
    wins: int  # queries on which the first is better
    losses: int  # queries on which the second is better
    ties: int

    def __str__(self) -> str:
        p = "p < 0.001" if self.p_value < 0.001 else f"p = {self.p_value:.3f}"
        return (
            f"{self.difference:+.3f} (95% interval {self.low:+.3f} to {self.high:+.3f}), {p}; "
            f"better on {self.wins}, worse on {self.losses}, equal on {self.ties} queries"
        )


def paired_test(
    first: Mapping[str, float], second: Mapping[str, float], resamples: int = 10_000, seed: int = 0
) -> PairedTest:
    """Paired randomization test and bootstrap interval of the difference between two systems, from `per_query` of each.

    Under the null hypothesis the sign of each query's difference is a coin toss, so signs are tossed `resamples` times.

    Raises:
        ValueError: the two do not hold the same queries, or fewer than two.
    """
    from scipy.stats import permutation_test

    if set(first) != set(second):
        odd = sorted(set(first) ^ set(second))
        alone = f"{len(odd)} stand in one only, first {odd[0]!r}"
        raise ValueError(f"both systems must have been run on the same queries; {alone}.")
    if len(first) < 2:
        raise ValueError(f"a paired test needs at least two queries, got {len(first)}.")
    differences = np.array([float(first[query_id]) - float(second[query_id]) for query_id in first])
    mean = float(differences.mean())
    low, high, p_value = mean, mean, 1.0
    if np.ptp(differences) > 0:
        test = permutation_test(
            (differences, np.zeros_like(differences)),
            lambda a, b, axis: np.mean(a - b, axis=axis),
            permutation_type="samples",
            n_resamples=resamples,
            rng=np.random.default_rng(seed),
        )
        p_value = float(test.pvalue)
        low, high = bootstrap_interval(np.mean, differences, resamples=resamples, seed=seed)
    elif mean:
        p_value = 2.0 ** (1 - len(differences))
    wins, losses, ties = (int((np.sign(differences) == sign).sum()) for sign in (1, -1, 0))
    return PairedTest(mean, low, high, p_value, wins, losses, ties)
