"""Does everything work here? `python -m workbook doctor` looks, and says what to do about what is missing.

What cannot be looked at is a finding, never an error.
"""

from __future__ import annotations

import argparse
import os
import platform
import socket
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from workbook._files import restore

if TYPE_CHECKING:
    import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
MAIN_PACKAGES = ("numpy", "torch", "transformers", "pylate")
# package -> (extra that brings it, what it is for)
OPTIONAL_PACKAGES = {
    "colpali-engine": ("pages", "page images as vectors"),
    "rapidocr": ("pages", "reading page images"),
    "elasticsearch": ("elastic", "a real cluster"),
    "lancedb": ("engines", "notebook 14"),
    "qdrant-edge-py": ("engines", "notebook 14"),
}
MINIMUM_PYTHON = (3, 11)
_INSTALL = "pip install -c constraints.txt -e"
_PATIENCE_S = 2  # for a cluster to accept a connection


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


def findings_table(portable: bool = False) -> pd.DataFrame:
    """The report as a table with the columns `what`, `found` and `what to do`; `portable` as in `findings`."""
    import pandas as pd

    rows = [(finding.what, finding.found, finding.to_do) for finding in findings(portable)]
    return pd.DataFrame(rows, columns=["what", "found", "what to do"])


def main(command: str = "doctor", arguments: Sequence[str] = ()) -> int:
    """`python -m workbook doctor`: print the report.

    Returns:
        0 where everything that the notebooks need is there, otherwise 1.
    """
    argparse.ArgumentParser(prog=f"python -m workbook {command}", description=__doc__).parse_args(list(arguments))
    found = findings()
    width = max(len(finding.what) for finding in found)
    for finding in found:
        print(f"{finding.what:<{width}}  {finding.found}")
        if finding.to_do:
            print(f"{'':<{width}}  -> {finding.to_do}")
    missing = [finding.what for finding in found if finding.required and finding.to_do]
    print(f"\nTo be done first: {', '.join(missing)}." if missing else "\nEverything that the notebooks need is here.")
    return 1 if missing else 0


def findings(portable: bool = False) -> list[Finding]:
    """Look at everything once.

    Args:
        portable: leave out what differs from machine to machine (cores, memory, GPU, folders, whether `ES_URL` is
            set, the exact Python), so that a saved notebook can be compared.
    """
    looks: list[Callable[[], list[Finding]]] = [lambda: _python(portable), _pinned, _profile, _parts, _data, _optional]
    if not portable:
        looks += [_scoring, _cluster, _machine, _cache]
    return [finding for look in looks for finding in look()]


def _version(name: str) -> str | None:
    """Version of an installed package without its local part (`+cpu`); None where it is not installed."""
    try:
        return metadata.version(name).split("+")[0]
    except metadata.PackageNotFoundError:
        return None


def _models() -> list[tuple[str, str]]:
    """The encoders that the profile loads: kind and name."""
    from lateint_ref.encoders import model_name, profile
    from lateint_ref.encoders.backbone import NAME

    if profile() == "hub":
        kinds = {"bi": "bi", "late": "late", "cross": "cross", "page": "pages"}
        return [(f"{word} encoder", model_name(kind)) for word, kind in kinds.items()]
    return [
        ("bi encoder", f"{NAME}, mean of the token vectors"),
        ("late encoder", f"{NAME}, token vectors projected to 128 dimensions"),
        ("cross encoder", f"{NAME}, upper layers reading two texts together, untrained"),
        ("page encoder", "stand-in for a vision-language model: OCR, and the late encoder's vectors"),
    ]


def _python(portable: bool) -> list[Finding]:
    wanted = ".".join(map(str, MINIMUM_PYTHON))
    fine = sys.version_info[:2] >= MINIMUM_PYTHON
    found = f"{wanted} or newer" if portable and fine else platform.python_version()
    return [Finding("Python", found, "" if fine else f"install Python {wanted} or newer, then: make run")]


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
    """The profile, its models, and variables that it does not use."""
    from lateint_ref.encoders import MODEL_VARIABLES, profile

    try:
        chosen = profile()
    except ValueError as error:
        return [Finding("profile", os.environ["LATEINT_PROFILE"], str(error))]
    rows = [Finding("profile", chosen), *(Finding(name, value) for name, value in _models())]
    unused = [name for name in MODEL_VARIABLES.values() if os.environ.get(name)]
    if chosen == "bundled" and unused:
        rows.append(Finding(", ".join(unused), "set, not used", "set LATEINT_PROFILE=hub to use them", False))
    return rows


def _parts() -> list[Finding]:
    """The parts of the bundled models: the backbone's package, the projection, the static embeddings."""
    from lateint_ref.encoders import backbone, single
    from lateint_ref.encoders import late as projection

    def projected() -> str:
        rows, columns = projection.load_projection(projection.projection_folder()).shape
        return f"{columns} to {rows} dimensions, as committed"

    def embedded() -> str:
        single.check_static(single.static_folder())
        return f"{single.STATIC_DIM} dimensions, as committed"

    def published() -> str:
        backbone.backbone_path()
        return f"{backbone.NAME}, its files as published"

    rows = []
    for what, look in (("backbone", published), ("late projection", projected), ("static embeddings", embedded)):
        try:
            rows.append(Finding(what, look()))
        except (ImportError, OSError, ValueError) as error:
            rows.append(Finding(what, "altered" if isinstance(error, ValueError) else "missing", str(error)))
    return rows


def _data() -> list[Finding]:
    """The collections in the data folder."""
    from lateint_ref.datasets import data_folder

    try:
        folder = data_folder()
    except FileNotFoundError as error:
        return [Finding("data", "missing", str(error))]
    rows = []
    if not (folder / "handbook" / "corpus.jsonl").is_file():
        rows.append(Finding("data/handbook", "missing", restore(folder / "handbook")))
    present = sorted(item.name for item in folder.iterdir() if item.is_dir() and (item / "corpus.jsonl").is_file())
    return rows + [Finding(f"data/{name}", "there") for name in present]


def _optional() -> list[Finding]:
    """Packages that only some notebooks need."""
    rows = []
    for name, (extra, purpose) in OPTIONAL_PACKAGES.items():
        found = _version(name)
        to_do = "" if found else f"for {purpose}: {_INSTALL} '.[{extra}]'"
        rows.append(Finding(name, found or "not installed", to_do, required=False))
    return rows


def _scoring() -> list[Finding]:
    """Whether a score can be computed: the compiled code must be kept somewhere."""
    import numpy as np

    from lateint_ref import MultiVectors, maxsim_scores

    try:
        two = np.eye(2, dtype=np.float32)
        maxsim_scores(two, MultiVectors.from_list([two]))
    except Exception as error:
        where = "let NUMBA_CACHE_DIR name a folder that can be written"
        return [Finding("MaxSim", f"cannot be computed ({str(error).splitlines()[0]})", where)]
    return [Finding("MaxSim", "computed")]


def _cluster() -> list[Finding]:
    """Whether a cluster was named, and whether something answers there."""
    named = os.environ.get("ES_URL", "").strip()
    if not named:
        return [Finding("ES_URL", "not set", "set it to use a real cluster; without it the local node serves", False)]
    # Never its value, which may hold a password.
    try:
        url = urlsplit(named)
        port = url.port or (443 if url.scheme == "https" else 80)
    except ValueError:
        return [Finding("ES_URL", "set, not an address", "give it the form https://host:9200, or unset it")]
    if url.scheme not in ("http", "https") or not url.hostname:
        return [Finding("ES_URL", "set, not an address", "give it the form https://host:9200, or unset it")]
    try:
        socket.create_connection((url.hostname, port), _PATIENCE_S).close()
    except OSError:
        return [Finding("ES_URL", "set, but nothing answers there", "start the cluster, or unset ES_URL")]
    return [Finding("ES_URL", "set, and something answers there")]


def _machine() -> list[Finding]:
    """Cores, memory and GPU."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        memory = f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
    except (AttributeError, OSError, ValueError):
        memory = "unknown"
    rows = [Finding("cores", str(cores)), Finding("memory", memory)]
    try:
        import torch
    except ImportError:
        return [*rows, Finding("torch", "not installed", f"{_INSTALL} '.[all]'")]
    found = "CUDA" if torch.cuda.is_available() else "Apple" if torch.backends.mps.is_available() else "none"
    return [*rows, Finding("GPU", f"{found} (none is needed)")]


def _cache() -> list[Finding]:
    """The cache folder, and whether it can be written: tried, since rights alone do not tell."""
    from lateint_ref.checks import cache_folder

    folder = cache_folder()
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryDirectory(dir=there):
            pass
    except OSError as error:
        to_do = "say LATEINT_CACHE=FOLDER for one that can be written"
        return [Finding("cache folder", f"{folder} cannot be written ({error.strerror})", to_do)]
    return [Finding("cache folder", f"{folder} ({'there' if folder.is_dir() else 'made when first used'})")]
