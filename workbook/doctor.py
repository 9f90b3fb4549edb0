"""Does everything work here? `python -m workbook doctor` looks, and says what to do about what is missing."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from workbook import _doctor_checks as checks
from workbook._doctor_checks import Finding

if TYPE_CHECKING:
    import pandas as pd


def what_ran() -> None:
    """Print the profile, its models and the versions of the main packages: how a notebook says what it ran with.

    The lines are the same on every machine with the pinned packages. Nothing heavy is imported.

    Raises:
        ValueError: `LATEINT_PROFILE` is neither `bundled` nor `hub`.
    """
    from lateint_ref import __version__
    from lateint_ref.encoders import profile

    versions = [
        ("lateint_ref", __version__),
        *((name, checks.version(name) or "not installed") for name in checks.MAIN_PACKAGES),
    ]
    rows = [("profile", profile()), *checks.models(), *versions]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")


def table(portable: bool = False) -> pd.DataFrame:
    """The report as a table with the columns `what`, `found` and `what to do`.

    Args:
        portable: leave out what differs from machine to machine (cores, memory, GPU, folders, whether `ES_URL` is
            set, the exact Python), so that a saved notebook can be compared.
    """
    import pandas as pd

    rows = [(finding.what, finding.found, finding.to_do) for finding in findings(portable)]
    return pd.DataFrame(rows, columns=["what", "found", "what to do"])


def report() -> bool:
    """Print the whole report.

    Returns:
        Whether everything that the notebooks need is there.
    """
    found = findings()
    width = max(len(finding.what) for finding in found)
    for finding in found:
        print(f"{finding.what:<{width}}  {finding.found}")
        if finding.to_do:
            print(f"{'':<{width}}  -> {finding.to_do}")
    missing = [finding.what for finding in found if finding.required and finding.to_do]
    print(f"\nTo be done first: {', '.join(missing)}." if missing else "\nEverything that the notebooks need is here.")
    return not missing


def main(command: str = "doctor", arguments: Sequence[str] = ()) -> int:
    """Print the report.

    Args:
        command: the command of `python -m workbook`, for the help text.
        arguments: what follows it; there is nothing to choose.

    Returns:
        0 where everything that the notebooks need is there, otherwise 1.
    """
    argparse.ArgumentParser(prog=f"python -m workbook {command}", description=__doc__).parse_args(list(arguments))
    return 0 if report() else 1


def findings(portable: bool = False) -> list[Finding]:
    """Look at everything once; what cannot be looked at is a finding, never an error.

    Args:
        portable: as in `table`.
    """
    looks: list[Callable[[], list[Finding]]] = [
        lambda: [checks.python(portable)],
        checks.pinned,
        checks.profile,
        checks.backbone,
        checks.projection,
        checks.static,
        checks.data,
        checks.optional,
    ]
    if not portable:
        looks += [checks.cluster, checks.machine, checks.cache]
    return [finding for look in looks for finding in look()]
