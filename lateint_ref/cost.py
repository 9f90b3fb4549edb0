"""What a search costs, counted before it is run: operations and bytes read, stage by stage, and the time they predict.

An *operation* is one pair of numbers that meet, one dimension of a query vector and one of a stored vector, float or
bit alike. What a pair costs depends on how it is computed, so every stage names its kind, and each kind has speeds of
its own, fitted to measured times on the machine at hand:

    seconds = fixed + operations / (operations per second) + bytes / (bytes per second)

Adding the last two terms, rather than taking the larger as the roofline model does, keeps the fit linear; it is at
most twice too long, where both take equally long and would overlap.

Source of the idea: Williams, Waterman and Patterson, "Roofline: An Insightful Visual Performance Model for Multicore
Architectures", CACM 2009.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lateint_ref._checks import positive_int
from lateint_ref.storage import bytes_per_vector


@dataclass(frozen=True)
class Work:
    """What one stage does for one query.

    Attributes:
        kind: which code runs, so which speeds apply.
        operations: pairs of numbers that meet.
        bytes_read: stored bytes that are looked at.
    """

    kind: str
    operations: float
    bytes_read: float

    def __post_init__(self) -> None:
        """Check the counts.

        Raises:
            ValueError: a count that is not a finite number, 0 or more.
        """
        for name in ("operations", "bytes_read"):
            value = getattr(self, name)
            if not (isinstance(value, (int, float, np.number)) and math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} of {self.kind!r} must be a finite number, 0 or more, got {value!r}.")


def scan(kind: str, n_query: float, n_vectors: int, dim: int, representation: str = "float32") -> Work:
    """Every query vector meets every stored vector once: MaxSim over a collection, or dot products with single vectors.

    Args:
        kind: names the code, as `"maxsim"`.
        n_query: vectors of the query, above 0; a mean over queries need not be whole. 1 where single vectors are
            compared.
        n_vectors: stored vectors that are looked at.
        dim: their dimensions.
        representation: how they are stored, a key of `storage.BITS_PER_DIMENSION`.

    Raises:
        TypeError, ValueError: as `storage.bytes_per_vector`, or a count that is not above 0.
    """
    if not (isinstance(n_query, (int, float, np.number)) and math.isfinite(n_query) and n_query > 0):
        raise ValueError(f"n_query must be a number above 0, got {n_query!r}.")
    count = positive_int(n_vectors, "n_vectors")
    return Work(kind, float(n_query) * count * dim, count * bytes_per_vector(dim, representation))


def total(stages: Sequence[Work]) -> tuple[float, float]:
    """Operations and bytes read of all stages, as `pipelines.Pipeline` takes them.

    Raises:
        ValueError: no stages.
    """
    if not stages:
        raise ValueError("stages is empty: a search has at least one stage.")
    return sum(stage.operations for stage in stages), sum(stage.bytes_read for stage in stages)


@dataclass(frozen=True)
class Speed:
    """What one kind of work takes.

    Attributes:
        fixed: seconds a call, however small.
        per_operation: seconds.
        per_byte: seconds.
    """

    fixed: float
    per_operation: float
    per_byte: float

    def seconds(self, work: Work) -> float:
        """Predicted time of a stage."""
        return self.fixed + self.per_operation * work.operations + self.per_byte * work.bytes_read


def fit(samples: Sequence[tuple[Work, float]]) -> dict[str, Speed]:
    """Speeds of each kind of work from measured times, none below 0, so that relative errors are smallest.

    Where all samples of a kind read bytes in one proportion to their operations, the two rates cannot be told apart;
    predictions for that proportion are right all the same. Vary the number of query vectors to tell them apart.

    Args:
        samples: stages and the seconds they took, at least two of every kind and of different size.

    Returns:
        Kind to `Speed`.

    Raises:
        ValueError: no samples, a time that is not above 0, or a kind with fewer than two samples of different size.
    """
    from scipy.optimize import nnls

    if not samples:
        raise ValueError("samples is empty: measure at least two stages of every kind.")
    for work, seconds in samples:
        if not (isinstance(seconds, (int, float, np.number)) and math.isfinite(seconds) and seconds > 0):
            raise ValueError(f"the time of {work.kind!r} must be a number of seconds above 0, got {seconds!r}.")
    speeds = {}
    for kind in dict.fromkeys(work.kind for work, _ in samples):
        mine = [(work, seconds) for work, seconds in samples if work.kind == kind]
        if len({(work.operations, work.bytes_read) for work, _ in mine}) < 2:
            raise ValueError(f"kind {kind!r} has samples of one size only: measure at least two sizes.")
        counts = np.array([[1.0, work.operations, work.bytes_read] for work, _ in mine])
        relative = counts / np.array([[seconds] for _, seconds in mine])
        # Columns of one size each: counts differ by many powers of ten.
        sizes = np.linalg.norm(relative, axis=0)
        sizes[sizes == 0] = 1.0
        found, _ = nnls(relative / sizes, np.ones(len(mine)))
        speeds[kind] = Speed(*(float(value) for value in found / sizes))
    return speeds


def predict(stages: Sequence[Work], speeds: Mapping[str, Speed]) -> float:
    """Seconds that a search should take: its stages one after the other.

    Raises:
        KeyError: a kind without a speed.
        ValueError: no stages.
    """
    if not stages:
        raise ValueError("stages is empty: a search has at least one stage.")
    for stage in stages:
        if stage.kind not in speeds:
            raise KeyError(f"no speed for {stage.kind!r}: the fitted kinds are {sorted(speeds)}.")
    return sum(speeds[stage.kind].seconds(stage) for stage in stages)
