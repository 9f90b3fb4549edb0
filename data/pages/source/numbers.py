"""Numbers of the reports: seeded series, and how they are printed. The same seed gives the same numbers."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Sequence


class Numbers:
    """A generator of plausible series; every report has its own, seeded with the report's id."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big"))

    def between(self, low: float, high: float, decimals: int = 0) -> float:
        """One number, uniform."""
        return round(self._random.uniform(low, high), decimals)

    def series(
        self, n: int, start: float, drift: float = 0.0, swing: float = 0.0, noise: float = 0.03, decimals: int = 1,
        peak: float = 6.0,
    ) -> list[float]:  # fmt: skip
        """`n` numbers about `start`.

        Args:
            n: how many.
            start: level of the first.
            drift: growth from first to last, as a share.
            swing: height of one seasonal wave over the series, as a share.
            noise: standard deviation of the noise, as a share.
            decimals: places kept.
            peak: the index at which the wave is highest.
        """
        found = []
        for i in range(n):
            wave = swing * math.cos(2 * math.pi * (i - peak) / n)
            level = start * (1 + drift * i / max(n - 1, 1)) * (1 + wave) * (1 + self._random.gauss(0, noise))
            found.append(round(level, decimals))
        return found


def show(value: float, decimals: int = 0) -> str:
    """A number as tables print it: thousands set apart by commas, a real minus sign."""
    return f"{value:,.{decimals}f}".replace("-", "−")


def total(values: Sequence[float], decimals: int = 1) -> float:
    """The sum, rounded so that it is the sum of the printed numbers."""
    return round(sum(values), decimals)


def best(labels: Sequence[str], values: Sequence[float], lowest: bool = False) -> tuple[str, float]:
    """Label and value of the highest number (or of the lowest); the first of equals."""
    value = min(values) if lowest else max(values)
    return labels[list(values).index(value)], value
