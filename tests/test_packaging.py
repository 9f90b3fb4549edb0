"""pyproject.toml, constraints.txt, environment.yml and what is installed tell the same story."""

import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
LINES = [line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
PINS = {canonicalize_name(Requirement(line).name): Requirement(line) for line in LINES}
DECLARED = [
    Requirement(text)
    for group in [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    for text in group
    if not text.startswith(PROJECT["name"])
]


def pinned_version(pin):
    (specifier,) = pin.specifier
    assert specifier.operator == "==", pin
    assert "*" not in specifier.version, pin
    return specifier.version


@pytest.mark.parametrize("requirement", DECLARED, ids=str)
def test_dependency_is_pinned_within_its_bounds(requirement):
    assert requirement.specifier, "declare at least a lower bound"
    pin = PINS.get(canonicalize_name(requirement.name))
    assert pin is not None, f"{requirement.name} is in pyproject.toml but not in constraints.txt"
    assert pinned_version(pin) in requirement.specifier


def test_constraints_are_one_exact_version_each_and_sorted():
    names = [canonicalize_name(Requirement(line).name) for line in LINES]
    assert len(names) == len(set(names))
    assert names == sorted(names)
    for pin in PINS.values():
        pinned_version(pin)
        assert not pin.extras


def test_extras_are_those_promised_and_all_takes_all():
    extras = PROJECT["optional-dependencies"]
    assert set(extras) == {"jupyter", "pages", "elastic", "engines", "bench", "dev", "site", "all"}
    (everything,) = map(Requirement, extras["all"])
    assert everything.name == PROJECT["name"]
    assert everything.extras == set(extras) - {"all"}


def brought_by(requirements):
    """Names of all packages that requirements bring, by what the installed ones declare."""
    found, seen, waiting = set(), set(), [Requirement(text) for text in requirements]
    while waiting:
        need = waiting.pop()
        name, extras = canonicalize_name(need.name), frozenset(need.extras)
        if (name, extras) in seen or (need.marker and not need.marker.evaluate()):
            continue
        seen.add((name, extras))
        found.add(name)
        try:
            declared = [Requirement(text) for text in metadata.requires(name) or ()]
        except metadata.PackageNotFoundError:
            continue  # for another system
        for further in declared:
            wanted = further.marker is None or any(further.marker.evaluate({"extra": e}) for e in {"", *extras})
            further.marker = None
            waiting += [further] if wanted else []
    return found


def test_a_hosted_notebook_keeps_its_own_jupyter():
    extras = PROJECT["optional-dependencies"]
    (setup,) = [text for text in code_of("00_start_here.ipynb") if "git" in text]
    (wanted,) = re.findall(r"\{clone\}\[([\w,]+)\]", setup)
    brought = brought_by([*PROJECT["dependencies"], *(text for name in wanted.split(",") for text in extras[name])])
    jupyter = brought_by(extras["jupyter"])
    assert {"ipykernel", "ipython", "jupyter-client", "pyzmq", "tornado", "traitlets", "prompt-toolkit"} <= jupyter
    own = {"ipykernel", "ipython", "ipywidgets", "notebook", "prompt-toolkit", "pyzmq", "tornado", "traitlets"}
    assert not {name for name in brought if name in own or name.startswith(("jupyter", "nb"))}
    # Beside a torch of another release, a torchvision that was there before makes `import transformers` fail.
    assert {"torch", "torchvision"} <= brought


def code_of(name):
    cells = json.loads((ROOT / "notebooks" / name).read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def test_environment_installs_the_package_with_all_extras_under_the_constraints():
    conda = [entry for entry in ENVIRONMENT["dependencies"] if isinstance(entry, str)]
    (pip,) = [entry["pip"] for entry in ENVIRONMENT["dependencies"] if isinstance(entry, dict)]
    assert pip == ["-c constraints.txt", "-e .[all]"]
    assert {re.split(r"[=<> ]", entry)[0] for entry in conda} == {"python", "pip"}, "every package comes from pip"


def test_every_command_has_a_target_and_help_lists_all(capsys):
    """Asked of make itself: what it would run, and what it prints."""
    from workbook.__main__ import COMMANDS

    def made(*arguments):
        return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    listed = {line.split()[1] for line in made("help").splitlines() if line.startswith("  make ")}
    assert {*COMMANDS, "lab", "test", "quick", "format", "lint", "clean"} <= listed
    for command in COMMANDS:
        assert f"-m workbook {command}" in made("--dry-run", "--assume-old=.venv/.ready", command)


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt", "environment.yml", "Makefile", ".ci/run"])
def test_no_url_host_or_local_path(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    found = re.findall(
        r"\w+://\S*|\bgit\+\S*|--(?:extra-)?index-url|--find-links|(?<![\w.])/(?:home|root|tmp)/\S*", text
    )
    assert not found
    assert not re.findall(r"\b[\w-]+\.(?:org|com|io|net)\b", text)


def test_example_in_the_readme_runs():
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    names = {}
    exec(code.replace("maxsim_scores(query, doc", "scores = maxsim_scores(query, doc"), names)
    assert names["scores"].shape == (3,)


def test_version_of_the_module_is_that_of_the_package():
    import lateint_ref

    assert lateint_ref.__version__ == PROJECT["version"]


@pytest.mark.skipif(Path(sys.prefix).resolve() != ROOT / ".venv", reason="only .venv is built from the constraints")
def test_installed_versions_are_the_pinned_ones():
    different = []
    for name, pin in PINS.items():
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # wanted on another system only, or brought by another build of PyTorch
        # `2.11.0+cpu` satisfies `==2.11.0`: a CPU build of the same PyTorch is fine.
        if (pin.marker is None or pin.marker.evaluate()) and not pin.specifier.contains(installed, prereleases=True):
            different.append(f"{name}: installed {installed}, pinned {pin.specifier}")
    wanted = [need.name for need in DECLARED if need.marker is None or need.marker.evaluate()]
    missing = [name for name in wanted if not _installed(name)]
    assert not different
    assert not missing


def _installed(name):
    try:
        return bool(metadata.version(name))
    except metadata.PackageNotFoundError:
        return False
