"""Exercises of notebook 12, claims checked. Verdicts are written out; the interval is computed in a loop here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from workbook.exercises import NotYet, exercise

OUTCOMES = ("met", "missed", "undecided")


@exercise(
    "12-1",
    hints=[
        "Draw each interval and the bound. On which side is all of it, or does it reach over?",
        "Above 0 is strict: an interval that ends at 0 is not above it in any part.",
        "The last rule asks one thing only: is 0.978 between the two ends?",
    ],
    shows="The mean of b is small and met; that of d is far off and met too. It is the interval that decides.",
)
def _judge(answer: Any) -> None:
    given = [answer] if isinstance(answer, str) else list(answer)
    if len(given) != 4:
        raise NotYet(f"four words are wanted, one for each of a to d, got {len(given)}")
    words = [word.strip().lower() if isinstance(word, str) else word for word in given]
    for place, word in zip("abcd", words, strict=True):
        if word not in OUTCOMES:
            raise NotYet(f"{place} must be one of {', '.join(map(repr, OUTCOMES))}, got {word!r}")
    faults = {
        "a": ("undecided", "the mean is above the bound, but is all of the interval?"),
        "b": ("met", "the interval is narrow, and on one side of 0 with both ends"),
        "c": ("missed", "no part of the interval is above 0, so there is nothing to be undecided about"),
        "d": ("met", "this rule only asks whether 0.978 lies between the ends"),
    }
    for (place, (right, told)), word in zip(faults.items(), words, strict=True):
        if word != right:
            raise NotYet(f"in {place}, {told}")


@exercise(
    "12-2",
    hints=[
        "One row of drawn names the questions of one bootstrap sample, some of them several times.",
        "differences = first - second; differences[drawn] has drawn's shape; take the mean over axis 1.",
        "low, high = np.percentile(means, [2.5, 97.5]); compare both with -margin.",
    ],
    shows="With more questions the interval narrows, and a smaller margin can be met.",
)
def _not_worse(answer: Callable[..., Any]) -> None:
    seen = set()
    for seed in range(3):
        rng = np.random.default_rng(seed)
        first, second = rng.random(40), rng.random(40)
        drawn = rng.integers(0, 40, (400, 40))
        means = sorted(sum(first[i] - second[i] for i in row) / 40 for row in drawn)
        low, high = np.percentile(means, [2.5, 97.5])
        for margin in (-high - 0.01, -(low + high) / 2, -low + 0.01):
            right = "met" if low >= -margin else "missed" if high < -margin else "undecided"
            turned = "met" if -high >= -margin else "missed" if -low < -margin else "undecided"
            got = answer(first.copy(), second.copy(), drawn.copy(), float(margin))
            if not isinstance(got, str) or got not in OUTCOMES:
                raise NotYet(f"return one of {', '.join(map(repr, OUTCOMES))}, got {got!r}")
            seen.add(got)
            if got != right:
                wide = f"the interval is {low:.3f} to {high:.3f} and the bound {-margin:.3f}: {right!r}, not {got!r}"
                raise NotYet(
                    "the sign is turned: it is first less second" if got == turned and turned != right else wide
                )
    if len(seen) < len(OUTCOMES):
        raise NotYet(f"of the cases tried, some are met, some missed, some undecided; yours are all {sorted(seen)}")
