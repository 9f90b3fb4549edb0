"""Tam Valley Water: the measurements behind its two yearly reports, and the tables and charts that both print."""

from __future__ import annotations

from source.blocks import Table
from source.charts import MONTHS, Chart
from source.look import A4, Look
from source.numbers import Numbers, show

WORKS = ("Harrow Beck", "Low Sike", "Kelder", "Stanmoor")
_SUBSTANCES = (("Nitrate", "mg/l", "50", 1), ("Lead", "µg/l", "10", 1), ("Fluoride", "mg/l", "1.5", 2),
               ("Chlorine", "mg/l", "none", 2), ("Turbidity", "NTU", "1", 2), ("Hardness", "mg/l CaCO3", "none",
               0))  # fmt: skip
_LEVELS = {"Harrow Beck": (11, 0.8, 0.11, 0.42, 0.14, 46), "Low Sike": (34, 2.1, 0.19, 0.51, 0.22, 214),
           "Kelder": (6, 0.5, 0.08, 0.38, 0.31, 28), "Stanmoor": (22, 4.6, 0.15, 0.47, 0.18, 121)}  # fmt: skip


def quality(works: str, year: int) -> dict[str, tuple[float, float, float]]:
    """Lowest, mean and highest of each substance at a works."""
    n = Numbers(f"tamwater/{works}/{year}")
    found = {}
    for (name, _, _, places), level in zip(_SUBSTANCES, _LEVELS[works], strict=True):
        mean = round(level * n.between(0.88, 1.12, 3), places)
        found[name] = (round(mean * n.between(0.5, 0.8, 3), places), mean, round(mean * n.between(1.2, 1.7, 3), places))
    return found


def quality_table(works: str, year: int, number: int) -> Table:
    """The table of one works and year."""
    measured = quality(works, year)
    rows = [
        [f"{name} ({unit})", limit, *[show(v, places) for v in measured[name]]]
        for name, unit, limit, places in _SUBSTANCES
    ]
    return Table(f"Table {number}. Water at the tap, supplied from {works}, {year}",
                 ["Substance", "Limit", "Lowest", "Mean", "Highest"], rows, first=0.36)  # fmt: skip


def nitrate_chart(works: str, year: int) -> Chart:
    """Nitrate by month: a line that keeps within the lowest and highest of the table."""
    lowest, mean, highest = quality(works, year)["Nitrate"]
    wave = Numbers(f"tamwater/nitrate/{works}/{year}").series(12, mean, 0, 0.18, 0.04, 1, 1)
    inside = [min(max(v, lowest), highest) for v in wave]
    return Chart("line", f"Nitrate at the tap by month, {works}, {year}.", MONTHS, {"Nitrate": inside}, "mg/l", 150)


def reservoirs(year: int) -> dict[str, list[float]]:
    """Level of two reservoirs by month, percent of capacity."""
    n = Numbers(f"tamwater/levels/{year}")
    dry = {2022: 0.30, 2023: 0.14}[year]
    return {"Upper Tam": [min(v, 100) for v in n.series(12, 74, 0, dry, 0.02, 0, 2)],
            "Kelder Mere": [min(v, 100) for v in n.series(12, 79, 0, dry * 0.6, 0.02, 0, 2)]}  # fmt: skip


def levels_chart(year: int, number: int) -> Chart:
    """Reservoir levels as lines."""
    return Chart("line", f"Figure {number}. Water stored in two reservoirs by month, {year}.", MONTHS, reservoirs(year),
                 "percent of capacity", 240)  # fmt: skip


def bursts(year: int) -> dict[str, list[float]]:
    """Burst mains by quarter and district."""
    n = Numbers(f"tamwater/bursts/{year}")
    found = {"Uplands": n.series(4, 62, 0, 0.35, 0.06, 0, 0), "Town": n.series(4, 91, -0.1, 0.22, 0.06, 0, 0)}
    if year == 2022:  # the drought: clay shrinks
        found = {name: [v[0], v[1], round(v[2] * 1.7), v[3]] for name, v in found.items()}
    return found


def bursts_chart(year: int, number: int) -> Chart:
    """Bursts as grouped bars."""
    return Chart("bars", f"Figure {number}. Burst mains by quarter, {year}.", ("Q1", "Q2", "Q3", "Q4"), bursts(year),
                 "bursts", 210, values=True)  # fmt: skip


def look(year: int) -> Look:
    """The house style of a year."""
    if year == 2022:
        return Look(A4, "dejavu", "dejavu", 10.6, 15.4, 66, 22, "#1b4f72", "#e5f0f6", ("#1b4f72", "#6fb1d6", "#999999"),
                    "rule", "grid", "{page}", "right", False, {"angle": 1.0, "noise": 10.0, "fade": 0.6})  # fmt: skip
    return Look(A4, "times", "times", 12.4, 16.8, 72, 22, "#14532d", "#e7f1ea", ("#14532d", "#8fbc6b", "#999999"),
                "side", "rules", "page {page}", "top", True, {"angle": -1.1, "noise": 9.0, "fade": 0.6})  # fmt: skip
