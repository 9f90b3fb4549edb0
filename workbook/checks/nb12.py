"""Checkers of notebook 12, claims checked. Verdicts are written out; the interval is computed in a loop."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbook.exercises import Answer, NotYet, exercise

OUTCOMES = ("met", "missed", "undecided")
JUDGED = {
    "a": ("undecided", "the mean is above the bound, but is all of the interval?"),
    "b": ("met", "the interval is narrow, and on one side of 0 with both ends"),
    "c": ("missed", "no part of the interval is above 0, so there is nothing to be undecided about"),
    "d": ("met", "this rule only asks whether 0.978 lies between the ends"),
}


@exercise("12-1", "The mean of b is small and met; that of d is far off and met too. It is the interval that decides.")
def _judge(answer: Any) -> None:
    given = [answer] if isinstance(answer, str) else list(answer)
    if len(given) != len(JUDGED):
        raise NotYet(f"four words are wanted, one for each of a to d, got {len(given)}")
    words = [word.strip().lower() if isinstance(word, str) else word for word in given]
    for place, word in zip(JUDGED, words, strict=True):
        if word not in OUTCOMES:
            raise NotYet(f"{place} must be one of {', '.join(map(repr, OUTCOMES))}, got {word!r}")
    for (place, (right, told)), word in zip(JUDGED.items(), words, strict=True):
        if word != right:
            raise NotYet(f"in {place}, {told}")


def _verdict(low: float, high: float, margin: float) -> str:
    return "met" if low >= -margin else "missed" if high < -margin else "undecided"


@exercise("12-2", "With more questions the interval narrows, and a smaller margin can be met.")
def _not_worse(answer: Answer) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        first, second = rng.random(40), rng.random(40)
        drawn = rng.integers(0, 40, (400, 40))
        means = sorted(sum(first[i] - second[i] for i in row) / 40 for row in drawn)
        low, high = np.percentile(means, [2.5, 97.5])
        for margin in (-high - 0.01, -(low + high) / 2, -low + 0.01):  # missed, undecided, met
            right = _verdict(low, high, margin)
            got = answer(first.copy(), second.copy(), drawn.copy(), float(margin))
            if not isinstance(got, str) or got not in OUTCOMES:
                raise NotYet(f"return one of {', '.join(map(repr, OUTCOMES))}, got {got!r}")
            if got != right:
                wide = f"the interval is {low:.3f} to {high:.3f} and the bound {-margin:.3f}: {right!r}, not {got!r}"
                turned = "the sign is turned: it is first less second"
                raise NotYet(turned if got == _verdict(-high, -low, margin) else wide)
