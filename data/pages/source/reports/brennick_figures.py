"""Figures of the Brennick reviews."""

from __future__ import annotations

from source.sketch import Arrow, Room, Sketch


def flows() -> Sketch:
    """What the divisions give each other."""
    return Sketch("Figure 4. What flows between the divisions: materials, heat and loads.", [
                Room(6, 30, 22, 11, "Packaging", "tint", 1.5), Room(70, 30, 22, 11, "Coatings", "tint", 1.5),
                Room(38, 5, 24, 11, "Filtration", "tint", 1.5), Room(38, 46, 24, 9, "Haulage", "ink", 1.5),
                Room(40, 27, 20, 9, "Boiler house", "none", 0.5),
                Arrow((28, 33), (40, 31), "trimmings"), Arrow((60, 31), (70, 34), "steam", shift=(0, 2)),
                Arrow((50, 27), (50, 16), "hot water", shift=(8, 0)), Arrow((81, 30), (62, 12), "rinse water",
                                                                            shift=(9, 0)),
                Arrow((38, 12), (20, 30), "clean water", shift=(-9, 0)),
                Arrow((17, 41), (38, 50), "cartons", shift=(-5, 1.5)),
                Arrow((81, 41), (62, 50), "drums", shift=(5, 1.5))], 60)  # fmt: skip
