"""Published claims, and verdicts on them that are computed from measurements by stated rules.

A claim is broken into conditions: a measured quantity and a rule that it must meet. A rule says *met*, *missed*, or
*undecided* where the measurement's 95% interval reaches over the bound. The conditions decide the verdict:

    holds                  every condition is met
    holds partly           at least one is met, and at least one is not
    not here               none is met
    not testable offline   nothing of it can be measured here; the claim says what it would need

Nobody types a verdict. A condition that is undecided counts as not met: a claim is not shown by the lack of evidence
against it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, Literal

from lateint_ref.checks import describe
from workbook.claim_rules import OUTCOMES, Measurement, Outcome, Rule

if TYPE_CHECKING:
    import pandas as pd

Verdict = Literal["holds", "holds partly", "not here", "not testable offline"]
VERDICTS: tuple[Verdict, ...] = ("holds", "holds partly", "not here", "not testable offline")


@dataclass(frozen=True)
class Condition:
    """One part of a claim.

    Attributes:
        what: the quantity, in words.
        key: its name among the measurements.
        rule: what it must meet.
    """

    what: str
    key: str
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
        keys = [condition.key for condition in self.conditions]
        if len(set(keys)) < len(keys):
            raise ValueError(f"claim {self.key!r} has two conditions on one measurement: {keys}.")


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


def check(claim: Claim, measured: Mapping[str, Measurement]) -> Checked:
    """Judge one claim.

    Raises:
        KeyError: a quantity of the claim was not measured.
        TypeError: what stands under its name is not a `Measurement`.
    """
    findings = []
    for condition in claim.conditions:
        if condition.key not in measured:
            raise KeyError(f"claim {claim.key!r} needs {condition.key!r}, which was not measured.")
        found = measured[condition.key]
        if not isinstance(found, Measurement):
            raise TypeError(f"{condition.key!r} must be a Measurement, got {describe(found)}.")
        findings.append(Finding(condition, found, condition.rule.judge(found)))
    return Checked(claim, tuple(findings))


def table(checked: Sequence[Checked]) -> pd.DataFrame:
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
