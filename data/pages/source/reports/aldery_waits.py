"""Waiting times of Aldery Vale Hospital in two years."""

from __future__ import annotations

from source.blocks import Table
from source.charts import Chart
from source.numbers import Numbers, show

_CLINICS = {"Eyes": 16.0, "Hips and knees": 31.0, "Skin": 12.0, "Hearing": 9.0, "Heart": 14.0}


def waits(year: int) -> dict[str, list[float]]:
    """Median weeks from referral to treatment, by clinic and quarter."""
    n = Numbers(f"aldery/{year}")
    drift = {2022: 0.12, 2023: -0.15}[year]
    return {name: n.series(4, start, drift, 0.02, 0.04, 1, 1) for name, start in _CLINICS.items()}


def waits_table(year: int, number: int) -> Table:
    """The table of a year."""
    rows = [[name, *[show(v, 1) for v in values], show(sum(values) / 4, 1)] for name, values in waits(year).items()]
    return Table(f"Table {number}. Median wait from referral to treatment, {year} (weeks)",
                 ["Clinic", "Q1", "Q2", "Q3", "Q4", "Mean"], rows, first=0.3)  # fmt: skip


def waits_chart(year: int) -> Chart:
    """The same as lines."""
    caption = f"Median wait by clinic and quarter, {year}."
    return Chart("line", caption, ("Q1", "Q2", "Q3", "Q4"), waits(year), "weeks", 170)
