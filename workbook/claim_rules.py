"""Measured numbers, and the rules that a published claim's conditions set them: see `claims`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from lateint_ref.checks import describe

Outcome = Literal["met", "missed", "undecided"]
OUTCOMES: tuple[Outcome, ...] = ("met", "undecided", "missed")


@dataclass(frozen=True)
class Measurement:
    """A measured number.

    Attributes:
        value: the number.
        where: notebook and section, or file, where it was measured.
        low: lower end of its 95% interval; for a count or a size, the value itself.
        high: the upper end, likewise.
    """

    value: float
    where: str
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        """Check the numbers, and fill in the ends of a number without an interval.

        Raises:
            ValueError: a number that is not finite, one end without the other, ends in the wrong order, or no `where`.
        """
        if (self.low is None) != (self.high is None):
            raise ValueError(
                f"a measurement has both ends of its interval or none, got {self.low!r} and {self.high!r}."
            )
        for name in ("value", "low", "high"):
            given = getattr(self, name)
            if given is None:
                given = self.value
            if isinstance(given, bool) or not isinstance(given, (int, float, np.number)) or not math.isfinite(given):
                raise ValueError(f"{name} of a measurement must be a finite number, got {describe(given)}.")
            object.__setattr__(self, name, float(given))
        if self.ends[0] > self.ends[1]:
            raise ValueError(f"low must not be above high, got {self.low} and {self.high}.")
        if not self.where.strip():
            raise ValueError("where is empty: say in which notebook or file this was measured.")

    @property
    def ends(self) -> tuple[float, float]:
        """The interval; a number without one is its own."""
        return (
            self.value if self.low is None else float(self.low),
            self.value if self.high is None else float(self.high),
        )


class Rule(Protocol):
    """What a measurement must meet; `target` is the number that it is compared with."""

    @property
    def target(self) -> float:
        """The number that a measurement is compared with."""

    def judge(self, found: Measurement) -> Outcome:
        """What becomes of a condition with this measurement."""


@dataclass(frozen=True)
class AtLeast:
    """The whole interval must not be below `target`; it is missed when the whole interval is."""

    target: float

    def judge(self, found: Measurement) -> Outcome:
        """Judge a measurement."""
        low, high = found.ends
        return "met" if low >= self.target else "missed" if high < self.target else "undecided"

    def __str__(self) -> str:
        return f"at least {self.target:g}"


@dataclass(frozen=True)
class AtMost:
    """The whole interval must not be above `target`; it is missed when the whole interval is."""

    target: float

    def judge(self, found: Measurement) -> Outcome:
        """Judge a measurement."""
        low, high = found.ends
        return "met" if high <= self.target else "missed" if low > self.target else "undecided"

    def __str__(self) -> str:
        return f"at most {self.target:g}"


@dataclass(frozen=True)
class Above:
    """The whole interval must be above `target`, as for "better than"; missed when it is not above in any part."""

    target: float

    def judge(self, found: Measurement) -> Outcome:
        """Judge a measurement."""
        low, high = found.ends
        return "met" if low > self.target else "missed" if high <= self.target else "undecided"

    def __str__(self) -> str:
        return f"above {self.target:g}"


@dataclass(frozen=True)
class Near:
    """The value must be within a share of `target`: for counts and sizes, which have no interval."""

    target: float
    share: float = 0.05

    def judge(self, found: Measurement) -> Outcome:
        """Judge a measurement."""
        return "met" if abs(found.value - self.target) <= self.share * abs(self.target) else "missed"

    def __str__(self) -> str:
        return f"{self.target:g}, give or take {100 * self.share:g}%"


@dataclass(frozen=True)
class Between:
    """The value must lie between two numbers, both included. Its interval is shown, and does not decide."""

    first: float
    last: float

    @property
    def target(self) -> float:
        """The middle, for figures."""
        return (self.first + self.last) / 2

    def judge(self, found: Measurement) -> Outcome:
        """Judge a measurement."""
        return "met" if self.first <= found.value <= self.last else "missed"

    def __str__(self) -> str:
        return f"from {self.first:g} to {self.last:g}"


@dataclass(frozen=True)
class Compatible:
    """The interval must contain `target`: a weak statement where the interval is wide."""

    target: float

    def judge(self, found: Measurement) -> Outcome:
        """Judge a measurement."""
        low, high = found.ends
        return "met" if low <= self.target <= high else "missed"

    def __str__(self) -> str:
        return f"an interval around {self.target:g}"


@dataclass(frozen=True)
class NoSignificantLoss:
    """A difference whose interval reaches up to 0: what papers mean by "without a significant drop"."""

    target: float = 0.0

    def judge(self, found: Measurement) -> Outcome:
        """Judge a measurement."""
        return "met" if found.ends[1] >= self.target else "missed"

    def __str__(self) -> str:
        return "no significant loss"
