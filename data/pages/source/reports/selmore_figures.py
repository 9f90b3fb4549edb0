"""Figures of the Selmore yearbook."""

from __future__ import annotations

from source.sketch import Arrow, Dot, Path, Room, Sketch, Words


def map_of_lines() -> Sketch:
    """The tram lines."""
    return Sketch("Figure 5. Tram lines and the night bus terminals (schematic, north at the top).", [
                Path([(0, 10), (18, 14), (30, 8), (46, 12), (60, 5), (100, 8), (100, 0), (0, 0)], "water", True),
                Words(82, 3.5, "Selmore Bay"),
                Path([(30, 30), (50, 42), (70, 30), (50, 18), (30, 30)], closed=True, weight=2.5),
                Path([(50, 18), (34, 11), (12, 17)], weight=2.5), Path([(50, 42), (40, 54), (20, 60)], weight=2.5),
                Path([(70, 30), (84, 42), (92, 56)], weight=2.5),
                Dot(50, 18, "Ferry Hall", 1.2), Dot(12, 17, "Cole Point", 1, (-4, 2.5)),
                Dot(30, 30, "Foundry", 1.2, (-11, -0.8)), Dot(50, 42, "Central", 1.5, (3, 0)),
                Dot(70, 30, "Stadium", 1.2), Dot(20, 60, "Reservoir", 1, (2.5, 0.5)), Dot(92, 56, "Airport", 1, (-12,
                1)),
                Words(24, 19.5, "Harbor line"), Words(25, 52, "Uplands line"), Words(50, 30, "Ring line"),
                Words(90, 44, "Airport line")], 66)  # fmt: skip


def plan_of_central() -> Sketch:
    """The interchange."""
    return Sketch("Figure 6. Concourse level of Central station, with lifts, stairs and the bicycle store.", [
                Room(3, 20, 94, 14, "Concourse", "tint"), Room(3, 34, 26, 13, "Tickets and\nlost property"),
                Room(29, 34, 22, 13, "Bakery"), Room(51, 34, 22, 13, "Bicycle store\n(412 places)"),
                Room(73, 34, 24, 13, "Police desk"), Room(3, 4, 40, 16, "Stairs to Ring line\nplatforms 1 and 2"),
                Room(57, 4, 40, 16, "Stairs to Uplands line\nplatform 3"), Room(43, 4, 14, 16, "Lifts", "ink"),
                Arrow((15, 53), (15, 47), "Square", shift=(7, 1)), Arrow((85, 53), (85, 47), "Bus bays", shift=(8, 1))],
                   56)  # fmt: skip
