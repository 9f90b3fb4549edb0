"""Figures of the report on Orrin Bridge, and its counts of defects."""

from __future__ import annotations

from source.blocks import Table
from source.charts import Chart
from source.numbers import Numbers
from source.sketch import Arrow, Dot, Path, Room, Sketch, Words


def elevation() -> Sketch:
    """The bridge from the side."""
    return Sketch("Figure 1. Elevation from downstream: spans, piers and the posted clearance.", [
                Path([(0, 8), (100, 8), (100, 0), (0, 0)], "water", True), Path([(0, 30), (14, 30), (10, 8), (0, 8)],
                                                                             "#d9cfc0", True),
                Path([(100, 30), (86, 30), (90, 8), (100, 8)], "#d9cfc0", True), Room(10, 30, 80, 5, "", "tint"),
                Room(35, 4, 4, 26, "", "#bbbbbb"), Room(61, 4, 4, 26, "", "#bbbbbb"), Words(24, 38, "north span 42 m"),
                Words(50, 38, "middle span 51 m"), Words(76, 38, "south span 42 m"), Words(32, 16, "P1"),
                Words(68, 16, "P2"), Arrow((50, 8), (50, 30), "7.4 m", shift=(5, 0)), Words(5, 18, "A1"), Words(95,
                18, "A2")],
                   44)  # fmt: skip


def cross_section() -> Sketch:
    """The girders and sensors."""
    return Sketch("Figure 2. Cross-section at mid-span with girders G1 to G4 and strain sensors.", [
                Room(6, 34, 88, 6, "deck slab", "#dddddd"), Room(2, 40, 6, 8, "", "tint"), Room(92, 40, 6, 8, "",
                "tint"),
                Words(5, 52, "parapet"), *[Room(16 + 20 * i, 12, 3, 22, "", "ink") for i in range(4)],
                *[Room(12 + 20 * i, 9, 11, 3, "", "ink") for i in range(4)],
                *[Words(26 + 20 * i, 24, f"G{i + 1}") for i in range(4)],
                Dot(17.5, 6, "S3", 1.2, (2, -1), "accent"), Dot(37.5, 6, "S7", 1.2, (2, -1), "accent"),
                Dot(77.5, 6, "S9", 1.2, (2, -1), "accent"), Room(70, 42, 20, 5, "footway")], 56)  # fmt: skip


PARTS = ("Deck slab", "Main girders", "Bearings", "Piers", "Parapets")


def defects(span: str, number: int) -> tuple[Table, list[list[int]]]:
    """Defects of a span by part and severity."""
    n = Numbers(f"orrin/{span}")
    counts = [[int(n.between(2, 24)), int(n.between(0, 12)), int(n.between(0, 4))] for _ in PARTS]
    if span == "middle":  # the text says where the trouble is
        counts[2] = [5, 7, 8]
    rows = [[part, *[str(v) for v in c], str(sum(c))] for part, c in zip(PARTS, counts, strict=True)]
    rows.append(["All parts", *[str(sum(c[i] for c in counts)) for i in range(3)], str(sum(map(sum, counts)))])
    title = f"Table {number}. Defects found on the {span} span, by severity, 2024"
    return Table(title, ["Part", "Slight", "Moderate", "Severe", "All"], rows, total=True, sums=(1, 2, 3, 4),
                 first=0.3), counts  # fmt: skip


def defects_chart(span: str, counts: list[list[int]]) -> Chart:
    """The same counts as stacked bars."""
    series = {name: [c[i] for c in counts] for i, name in enumerate(("Slight", "Moderate", "Severe"))}
    return Chart("stacked", f"Defects on the {span} span by part.", PARTS, series, "defects", 165)
