"""Published claims, and verdicts on them that are computed from measurements by stated rules.

The claims are data: `data/measurements/claims.toml`. A claim is broken into conditions: a measured quantity and a rule
that it must meet. A rule says *met*, *missed*, or *undecided* where the measurement's 95% interval reaches over the
bound. The conditions decide the verdict:

    holds                  every condition is met
    holds partly           at least one is met, and at least one is not
    not here               none is met
    not testable offline   nothing of it can be measured here; the claim says what it would need

Nobody types a verdict. A condition that is undecided counts as not met: a claim is not shown by the lack of evidence
against it. Two rules are weaker than that, since the sentences they stand for are: `Compatible` and
`NoSignificantLoss` are met more easily where an interval is wide.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from lateint_ref.checks import describe
from lateint_ref.datasets import data_folder

if TYPE_CHECKING:
    import pandas as pd

Outcome = Literal["met", "missed", "undecided"]
OUTCOMES: tuple[Outcome, ...] = ("met", "undecided", "missed")
Verdict = Literal["holds", "holds partly", "not here", "not testable offline"]
VERDICTS: tuple[Verdict, ...] = ("holds", "holds partly", "not here", "not testable offline")


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
            raise ValueError(f"give both ends of a measurement's interval or none, got {self.low!r} and {self.high!r}.")
        for name in ("value", "low", "high"):
            given = getattr(self, name)
            given = self.value if given is None else given
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
        low, high = self.low, self.high
        return (self.value if low is None else low, self.value if high is None else high)


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


@dataclass(frozen=True)
class AtMost:
    """The whole interval must not be above `target`; it is missed when the whole interval is."""

    target: float

    def judge(self, found: Measurement) -> Outcome:
        """Judge a measurement."""
        low, high = found.ends
        return "met" if high <= self.target else "missed" if low > self.target else "undecided"


@dataclass(frozen=True)
class Above:
    """The whole interval must be above `target`, as for "better than"; missed when it is not above in any part."""

    target: float

    def judge(self, found: Measurement) -> Outcome:
        """Judge a measurement."""
        low, high = found.ends
        return "met" if low > self.target else "missed" if high <= self.target else "undecided"


@dataclass(frozen=True)
class Near:
    """The value must be within a share of `target`: for counts and sizes, which have no interval."""

    target: float
    share: float = 0.05

    def judge(self, found: Measurement) -> Outcome:
        """Judge a measurement."""
        return "met" if abs(found.value - self.target) <= self.share * abs(self.target) else "missed"


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


@dataclass(frozen=True)
class Compatible:
    """The interval must contain `target`: a weak statement where the interval is wide."""

    target: float

    def judge(self, found: Measurement) -> Outcome:
        """Judge a measurement."""
        low, high = found.ends
        return "met" if low <= self.target <= high else "missed"


@dataclass(frozen=True)
class NoSignificantLoss:
    """A difference whose interval reaches up to 0: what papers mean by "without a significant drop"."""

    target: float = 0.0

    def judge(self, found: Measurement) -> Outcome:
        """Judge a measurement."""
        return "met" if found.ends[1] >= self.target else "missed"


RULES: dict[str, type[Any]] = {
    "at least": AtLeast,
    "at most": AtMost,
    "above": Above,
    "near": Near,
    "between": Between,
    "compatible": Compatible,
    "no significant loss": NoSignificantLoss,
}


@dataclass(frozen=True)
class Condition:
    """One part of a claim: the name of a measured quantity, and the rule that it must meet."""

    what: str
    rule: Rule


@dataclass(frozen=True)
class Claim:
    """A published statement.

    Attributes:
        key: short name.
        statement: what is said, in our words.
        published: the number or finding as published.
        source: who says it; "often stated" where no one source could be verified.
        url: where it can be read; empty for "often stated".
        conditions: what would make it true here; empty where it cannot be measured.
        needs: for a claim without conditions, what measuring it would take.
        remark: why the outcome is what it is, or what keeps the comparison from being a fair one.
    """

    key: str
    statement: str
    published: str
    source: str
    url: str = ""
    conditions: tuple[Condition, ...] = ()
    needs: str = ""
    remark: str = ""

    def __post_init__(self) -> None:
        """Check that the claim can be judged.

        Raises:
            ValueError: neither conditions nor `needs`, or both, a text that is missing, or a condition twice.
        """
        for name in ("key", "statement", "published", "source"):
            if not getattr(self, name).strip():
                raise ValueError(f"{name} of a claim is empty, in {self.key!r}.")
        if bool(self.conditions) == bool(self.needs):
            raise ValueError(f"claim {self.key!r} must have either conditions or what it needs.")
        names = [condition.what for condition in self.conditions]
        if len(set(names)) < len(names):
            raise ValueError(f"claim {self.key!r} has two conditions on one measurement: {names}.")


def load_claims() -> dict[str, list[Claim]]:
    """The claims of `data/measurements/claims.toml`, by part of notebook 12: `sizes` ... `encoders`, and `timed`.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not TOML, an unknown rule, or a claim that cannot be judged.
    """
    path = data_folder() / "measurements" / "claims.toml"
    try:
        listed = tomllib.loads(path.read_text(encoding="utf-8"))
        return {part: [_claim(record) for record in records] for part, records in listed.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error


def _claim(record: Mapping[str, Any]) -> Claim:
    conditions = [Condition(what, RULES[rule](*numbers)) for what, rule, *numbers in record.get("conditions", ())]
    return Claim(**{**record, "conditions": tuple(conditions)})


@dataclass(frozen=True)
class Finding:
    """A condition and what became of it."""

    condition: Condition
    measured: Measurement
    outcome: Outcome

    def __str__(self) -> str:
        low, high = self.measured.ends
        interval = "" if low == high else f" ({short(low)} to {short(high)})"
        return f"{self.condition.what}: {short(self.measured.value)}{interval}, {self.outcome}"


@dataclass(frozen=True)
class Checked:
    """A claim with its verdict."""

    claim: Claim
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """By the rule at the head of this module."""
        return verdict_of([finding.outcome for finding in self.findings])

    @property
    def reason(self) -> str:
        """How many conditions were met, and the claim's remark; or what it needs."""
        if not self.findings:
            return f"needs {self.claim.needs}"
        met = sum(finding.outcome == "met" for finding in self.findings)
        counted = f"{met} of {len(self.findings)} conditions met"
        return counted + (f"; {self.claim.remark}" if self.claim.remark else "")


def short(value: float) -> str:
    """Three significant digits, whole numbers whole."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def verdict_of(outcomes: Sequence[str]) -> Verdict:
    """The verdict that outcomes of conditions add up to; with no outcomes, "not testable offline".

    Raises:
        ValueError: something that is not an outcome.
    """
    if unknown := [outcome for outcome in outcomes if outcome not in OUTCOMES]:
        raise ValueError(f"an outcome is one of {list(OUTCOMES)}, got {unknown[0]!r}.")
    met = [outcome == "met" for outcome in outcomes]
    if not met:
        return "not testable offline"
    return "holds" if all(met) else "holds partly" if any(met) else "not here"


def check_claim(claim: Claim, measured: Mapping[str, Measurement]) -> Checked:
    """Judge one claim.

    Raises:
        KeyError: a quantity of the claim was not measured.
        TypeError: what stands under its name is not a `Measurement`.
    """
    findings = []
    for condition in claim.conditions:
        if condition.what not in measured:
            raise KeyError(f"claim {claim.key!r} needs {condition.what!r}, which was not measured.")
        found = measured[condition.what]
        if not isinstance(found, Measurement):
            raise TypeError(f"{condition.what!r} must be a Measurement, got {describe(found)}.")
        findings.append(Finding(condition, found, condition.rule.judge(found)))
    return Checked(claim, tuple(findings))


def verdict_table(checked: Sequence[Checked]) -> pd.DataFrame:
    """A row a claim: statement, source, published, measured, where, verdict, reason."""
    import pandas as pd

    rows = {}
    for item in checked:
        claim = item.claim
        rows[claim.key] = {
            "statement": claim.statement,
            "source": claim.source,
            "published": claim.published,
            "measured": "; ".join(map(str, item.findings)) or "nothing",
            "where": ", ".join(dict.fromkeys(finding.measured.where for finding in item.findings)),
            "verdict": item.verdict,
            "reason": item.reason,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("claim")


def report(checked: Sequence[Checked], width: int = 110) -> str:
    """The claims for reading: verdict, statement, source, each condition with its measurement and where it was made."""
    lines = []
    for item in checked:
        claim = item.claim
        published = f"published: {claim.published} ({claim.source})"
        found = [f"- {finding}; {finding.measured.where}" for finding in item.findings]
        lines.append(f"{claim.key.upper()}: {item.verdict}")
        for text in (claim.statement, published, *found, item.reason):
            lines += wrap(text, width, initial_indent="    ", subsequent_indent="      ")
        lines.append("")
    return "\n".join(lines).rstrip()
