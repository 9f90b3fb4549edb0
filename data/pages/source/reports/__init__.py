"""The reports, one module each: their numbers, their text, and the questions asked of their pages."""

from __future__ import annotations

from importlib import import_module

from source.report import Report

MODULES = (
    "tamwater_2022",
    "tamwater_2023",
    "larkfield",
    "brennick_2023",
    "brennick_2024",
    "selmore",
    "pellow",
    "aldery",
    "orrin",
)


def load_report(module: str) -> Report:
    """Build the report of one module of this package (no drawing yet)."""
    report: Report = import_module(f"{__name__}.{module}").report()
    return report


def load_reports() -> list[Report]:
    """All reports, those of the dev split first."""
    return [load_report(module) for module in MODULES]
