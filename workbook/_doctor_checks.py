"""What the doctor looks at, one function a subject; what cannot be looked at is a finding, never an error."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

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


def version(name: str) -> str | None:
    """Version of an installed package without its local part (`+cpu`); None where it is not installed."""
    try:
        return metadata.version(name).split("+")[0]
    except metadata.PackageNotFoundError:
        return None


def models() -> list[tuple[str, str]]:
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


def python(portable: bool) -> Finding:
    """The interpreter's version."""
    wanted = ".".join(map(str, MINIMUM_PYTHON))
    fine = sys.version_info[:2] >= MINIMUM_PYTHON
    found = f"{wanted} or newer" if portable and fine else platform.python_version()
    return Finding("Python", found, "" if fine else f"install Python {wanted} or newer, then: make run")


def pinned() -> list[Finding]:
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
        installed = version(pin.name)
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


def profile() -> list[Finding]:
    """The profile, its models, and variables that it does not use."""
    from lateint_ref.encoders.profiles import MODEL_VARIABLES, profile

    try:
        chosen = profile()
    except ValueError as error:
        return [Finding("profile", os.environ["LATEINT_PROFILE"], str(error))]
    rows = [Finding("profile", chosen), *(Finding(name, value) for name, value in models())]
    unused = [name for name in MODEL_VARIABLES.values() if os.environ.get(name)]
    if chosen == "bundled" and unused:
        rows.append(Finding(", ".join(unused), "set, not used", "set LATEINT_PROFILE=hub to use them", False))
    return rows


def backbone() -> list[Finding]:
    """The backbone's package and the digests of its files."""
    from lateint_ref.encoders import backbone as package

    what = "backbone"
    try:
        package.backbone_path()
    except (ImportError, OSError, ValueError) as error:
        kind = "altered" if isinstance(error, ValueError) else "missing"
        return [Finding(what, kind, str(error))]
    return [Finding(what, f"{package.NAME}, its files as published")]


def projection() -> list[Finding]:
    """The late encoder's projection."""
    from lateint_ref.encoders.projection import load_projection, projection_folder

    what = "late projection"
    try:
        shape = load_projection(projection_folder()).shape
    except (OSError, ValueError) as error:
        return [Finding(what, "missing or damaged", str(error))]
    return [Finding(what, f"{shape[1]} to {shape[0]} dimensions, as committed")]


def static() -> list[Finding]:
    """The table of static embeddings."""
    from lateint_ref.encoders.static import DIM, check_files, static_folder

    what = "static embeddings"
    try:
        check_files(static_folder())
    except (OSError, ValueError) as error:
        return [Finding(what, "missing or damaged", str(error))]
    return [Finding(what, f"{DIM} dimensions, as committed")]


def data() -> list[Finding]:
    """The collections in the data folder."""
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


def optional() -> list[Finding]:
    """Packages that only some notebooks need."""
    rows = []
    for name, (extra, purpose) in OPTIONAL_PACKAGES.items():
        found = version(name)
        to_do = "" if found else f"for {purpose}: {_INSTALL} '.[{extra}]'"
        rows.append(Finding(name, found or "not installed", to_do, required=False))
    return rows


def cluster() -> list[Finding]:
    """Whether a cluster was named."""
    if os.environ.get("ES_URL"):
        return [Finding("ES_URL", "set")]  # never its value: it may hold a password
    return [Finding("ES_URL", "not set", "set it to use a real cluster; without it the local node serves", False)]


def machine() -> list[Finding]:
    """Cores, memory and GPU."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    rows = [Finding("cores", str(cores)), Finding("memory", memory())]
    try:
        import torch
    except ImportError:
        return [*rows, Finding("torch", "not installed", f"{_INSTALL} '.[all]'")]
    found = "CUDA" if torch.cuda.is_available() else "Apple" if torch.backends.mps.is_available() else "none"
    return [*rows, Finding("GPU", f"{found} (none is needed)")]


def memory() -> str:
    """The machine's memory in GiB, in words."""
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return "unknown"
    return f"{size / 2**30:.0f} GiB"


def cache() -> list[Finding]:
    """The cache folder."""
    from lateint_ref.checks import cache_folder

    folder = cache_folder()
    return [Finding("cache folder", f"{folder} ({'there' if folder.is_dir() else 'made when first used'})")]
