"""Does everything work here? `python -m lateint_ref doctor` looks, and says what to do about what is missing."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
MAIN_PACKAGES = ("numpy", "torch", "transformers", "pylate")
# package -> (extra that brings it, what it is for)
OPTIONAL_PACKAGES = {
    "colpali-engine": ("pages", "page images as vectors"),
    "rapidocr": ("pages", "reading page images"),
    "elasticsearch": ("elastic", "a real cluster"),
}
MINIMUM_PYTHON = (3, 11)
_INSTALL = "pip install -c constraints.txt -e"


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        what: what was looked at.
        found: what is there.
        to_do: what to do about it; empty where all is well.
        required: whether the notebooks need it.
    """

    what: str
    found: str
    to_do: str = ""
    required: bool = True


def what_ran() -> None:
    """Print the profile, its models and the versions of the main packages: how a notebook says what it ran with.

    The lines are the same on every machine with the pinned packages. Nothing heavy is imported.

    Raises:
        ValueError: `LATEINT_PROFILE` is neither `bundled` nor `hub`.
    """
    from lateint_ref import __version__
    from lateint_ref.encoders import profile

    versions = [("lateint_ref", __version__), *((name, _version(name) or "not installed") for name in MAIN_PACKAGES)]
    rows = [("profile", profile()), *_models(), *versions]
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
        command: the command of `python -m lateint_ref`, for the help text.
        arguments: what follows it; there is nothing to choose.

    Returns:
        0 where everything that the notebooks need is there, otherwise 1.
    """
    argparse.ArgumentParser(prog=f"python -m lateint_ref {command}", description=__doc__).parse_args(list(arguments))
    return 0 if report() else 1


def findings(portable: bool = False) -> list[Finding]:
    """Look at everything once; what cannot be looked at is a finding, never an error.

    Args:
        portable: as in `table`.
    """
    checks: list[Callable[[], list[Finding]]] = [
        lambda: [_python(portable)],
        _pinned,
        _profile,
        _backbone,
        _projection,
        _data,
        _optional,
    ]
    if not portable:
        checks += [_cluster, _machine, _cache]
    return [finding for check in checks for finding in check()]


def _version(name: str) -> str | None:
    """Version of an installed package without its local part (`+cpu`); None where it is not installed."""
    try:
        return version(name).split("+")[0]
    except PackageNotFoundError:
        return None


def _models() -> list[tuple[str, str]]:
    from lateint_ref.encoders import model_name, profile
    from lateint_ref.encoders.backbone import NAME

    if profile() == "hub":
        return [(f"{kind} encoder", model_name(kind)) for kind in ("bi", "late", "cross")]
    return [
        ("bi encoder", f"{NAME}, mean of the token vectors"),
        ("late encoder", f"{NAME}, token vectors projected to 128 dimensions"),
    ]


def _python(portable: bool) -> Finding:
    wanted = ".".join(map(str, MINIMUM_PYTHON))
    fine = sys.version_info[:2] >= MINIMUM_PYTHON
    found = f"{wanted} or newer" if portable and fine else platform.python_version()
    return Finding("Python", found, "" if fine else f"install Python {wanted} or newer, then: make run")


def _pinned() -> list[Finding]:
    """Installed versions against constraints.txt, as far as its lines apply to this platform."""
    path = ROOT / "constraints.txt"
    if not path.is_file():
        return [Finding("packages", "no constraints.txt beside the package", "work in a clone of the project", False)]
    from packaging.requirements import InvalidRequirement, Requirement

    same, differing = 0, []
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.split("#")[0].strip()
        if not text:
            continue
        try:
            pin = Requirement(text)
        except InvalidRequirement:
            differing.append(f"unreadable line {text!r}")
            continue
        installed = _version(pin.name)
        if installed is None or (pin.marker is not None and not pin.marker.evaluate()):
            continue
        if pin.specifier.contains(installed, prereleases=True):
            same += 1
        else:
            differing.append(f"{pin.name} {installed} (pinned {str(pin.specifier).lstrip('=')})")
    if not differing:
        return [Finding("packages", "as pinned in constraints.txt")]
    listed = ", ".join(differing[:4]) + (f" and {len(differing) - 4} more" if len(differing) > 4 else "")
    return [
        Finding("packages", f"{same} as pinned, not so: {listed}", f"{_INSTALL} '.[all]'  (results may differ)", False)
    ]


def _profile() -> list[Finding]:
    from lateint_ref.encoders.profiles import MODEL_VARIABLES, profile

    try:
        chosen = profile()
    except ValueError as error:
        return [Finding("profile", os.environ["LATEINT_PROFILE"], str(error))]
    rows = [Finding("profile", chosen), *(Finding(name, value) for name, value in _models())]
    unused = [name for name in MODEL_VARIABLES.values() if os.environ.get(name)]
    if chosen == "bundled" and unused:
        rows.append(Finding(", ".join(unused), "set, not used", "set LATEINT_PROFILE=hub to use them", False))
    return rows


def _backbone() -> list[Finding]:
    from lateint_ref.encoders import backbone

    what = "backbone"
    try:
        backbone.backbone_path()
    except (ImportError, OSError, ValueError) as error:
        kind = "altered" if isinstance(error, ValueError) else "missing"
        return [Finding(what, kind, str(error))]
    return [Finding(what, f"{backbone.NAME}, its files as published")]


def _projection() -> list[Finding]:
    from lateint_ref.encoders.projection import load_projection, projection_folder

    what = "late projection"
    try:
        shape = load_projection(projection_folder()).shape
    except (OSError, ValueError) as error:
        return [Finding(what, "missing or damaged", str(error))]
    return [Finding(what, f"{shape[1]} to {shape[0]} dimensions, as committed")]


def _data() -> list[Finding]:
    from lateint_ref.datasets import data_folder

    try:
        folder = data_folder()
    except FileNotFoundError as error:
        return [Finding("data", "missing", str(error))]
    rows = []
    if not (folder / "handbook" / "corpus.jsonl").is_file():
        rows.append(Finding("data/handbook", "missing", "git checkout -- data/handbook"))
    present = sorted(item.name for item in folder.iterdir() if item.is_dir() and (item / "corpus.jsonl").is_file())
    return rows + [Finding(f"data/{name}", "there") for name in present]


def _optional() -> list[Finding]:
    rows = []
    for name, (extra, purpose) in OPTIONAL_PACKAGES.items():
        found = _version(name)
        to_do = "" if found else f"for {purpose}: {_INSTALL} '.[{extra}]'"
        rows.append(Finding(name, found or "not installed", to_do, required=False))
    return rows


def _cluster() -> list[Finding]:
    if os.environ.get("ES_URL"):
        return [Finding("ES_URL", "set")]  # never its value: it may hold a password
    return [Finding("ES_URL", "not set", "set it to use a real cluster; without it the local node serves", False)]


def _machine() -> list[Finding]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    rows = [Finding("cores", str(cores)), Finding("memory", _memory())]
    try:
        import torch
    except ImportError:
        return [*rows, Finding("torch", "not installed", f"{_INSTALL} '.[all]'")]
    found = "CUDA" if torch.cuda.is_available() else "Apple" if torch.backends.mps.is_available() else "none"
    return [*rows, Finding("GPU", f"{found} (none is needed)")]


def _memory() -> str:
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return "unknown"
    return f"{size / 2**30:.0f} GiB"


def _cache() -> list[Finding]:
    from lateint_ref.encoders.static import cache_folder

    folder = cache_folder()
    return [Finding("cache folder", f"{folder} ({'there' if folder.is_dir() else 'made when first used'})")]
