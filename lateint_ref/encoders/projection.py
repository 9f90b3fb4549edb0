"""From 384 to 128 dimensions without labels: `python -m lateint_ref.encoders.projection` fits it again.

The rows of the projection are the top right singular vectors of a matrix with one token vector a row. It is not
centred: among all matrices of that rank this one keeps dot products best (Eckart and Young, Psychometrika 1936), and
MaxSim is made of dot products. The rows are ordered, so the first k of them are the best projection to k dimensions.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lateint_ref._checks import Float32Array, positive_int
from lateint_ref.encoders import backbone
from lateint_ref.encoders.late import RESTORE, LateConfig, LateEncoder

MAX_DIM = 128
# Text that is in no evaluation set: the docstrings of these modules of the standard library.
MODULES = (
    "argparse ast asyncio base64 bisect calendar cmath collections compileall concurrent.futures configparser "
    "contextlib copy csv ctypes dataclasses datetime decimal difflib dis doctest email.message enum filecmp fileinput "
    "fnmatch fractions ftplib functools gettext glob gzip hashlib heapq hmac html.parser http.client http.cookiejar "
    "http.server imaplib importlib.abc importlib.metadata inspect io ipaddress itertools json keyword linecache locale "
    "logging logging.handlers mailbox math mimetypes multiprocessing.pool numbers operator optparse os os.path pathlib "
    "pdb pickle pickletools pkgutil platform plistlib poplib pprint profile pyclbr queue random re reprlib runpy sched "
    "secrets selectors shelve shlex shutil signal smtplib socket socketserver sqlite3 ssl stat statistics string "
    "struct subprocess symtable sysconfig tarfile tempfile textwrap threading timeit token tokenize trace traceback "
    "tracemalloc turtle types typing unittest unittest.mock urllib.parse urllib.request urllib.robotparser uuid venv "
    "warnings wave weakref webbrowser wsgiref.handlers xml.dom.minidom xml.etree.ElementTree xml.sax.handler "
    "xmlrpc.client xmlrpc.server zipapp zipfile zoneinfo"
)


def projection_folder() -> Path:
    """The folder of the bundled projection, `models/late-128` of the data folder (see `datasets.data_folder`)."""
    from lateint_ref.datasets import data_folder

    return data_folder() / "models" / "late-128"


def load_projection(folder: Path, dim: Any = MAX_DIM) -> Float32Array:
    """The first `dim` rows of the bundled projection: float32 `(dim, 384)`, orthonormal.

    Args:
        folder: holds `projection.safetensors` and `projection.json` (its digest).
        dim: from 1 to 128.

    Raises:
        TypeError, ValueError: `dim` is not such a number.
        FileNotFoundError: a file is missing.
        ValueError: the file is damaged: digest, shape or dtype are not what was written.
    """
    rows = positive_int(dim, "dim")
    if rows > MAX_DIM:
        raise ValueError(f"dim must be from 1 to {MAX_DIM}, or {backbone.DIM} for no projection, got {rows}.")
    path = folder / "projection.safetensors"
    why = f"The bundled late encoder projects with it. {RESTORE}"
    for needed in (path, folder / "projection.json"):
        if not needed.is_file():
            raise FileNotFoundError(f"{needed} is missing. {why}")
    expected = json.loads((folder / "projection.json").read_text(encoding="utf-8"))["sha256"]
    found = backbone.sha256_of(path)
    if found != expected:
        raise ValueError(f"{path} is damaged: its SHA-256 is {found}, projection.json says {expected}. {why}")
    from safetensors.numpy import load_file

    weight: NDArray[Any] = load_file(path)["weight"]
    if weight.shape != (MAX_DIM, backbone.DIM) or weight.dtype != np.float32:
        raise ValueError(
            f"{path} holds {weight.dtype} {weight.shape} where float32 {(MAX_DIM, backbone.DIM)} is wanted. {why}"
        )
    return np.ascontiguousarray(weight[:rows])


def docstring_passages(modules: Sequence[str] | None = None, words: int = 120) -> list[str]:
    """Docstrings of modules, their classes, functions and methods, cut into passages.

    Args:
        modules: names to import, by default `MODULES`; one that this platform lacks is left out.
        words: length of a passage at most.

    Returns:
        Passages of at least 8 words, each once, sorted.
    """
    found: set[str] = set()
    for name in MODULES.split() if modules is None else modules:
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        for text in _docstrings(module):
            split = text.split()
            for start in range(0, len(split), words):
                if len(split[start : start + words]) >= 8:
                    found.add(" ".join(split[start : start + words]))
    return sorted(found)


def _docstrings(module: ModuleType) -> list[str]:
    texts = [inspect.getdoc(module)]
    for name, member in sorted(vars(module).items()):
        if name.startswith("_") or getattr(member, "__module__", None) != module.__name__:
            continue
        if inspect.isclass(member) or inspect.isroutine(member):
            texts.append(inspect.getdoc(member))
        if inspect.isclass(member):
            inner = [(key, value) for key, value in sorted(vars(member).items()) if not key.startswith("_")]
            texts.extend(inspect.getdoc(value) for _, value in inner if inspect.isroutine(value))
    return [text for text in texts if text]


def fit(
    passages: Sequence[str], config: LateConfig, progress: bool = True
) -> tuple[Float32Array, NDArray[np.float64], int]:
    """Fit the projection to token vectors of these passages, each vector at unit length.

    Args:
        passages: texts, read as documents.
        config: how they are read.
        progress: show a progress bar.

    Returns:
        The projection, float32 `(128, 384)`; the singular values squared, float64 `(384,)`, largest first, summing
        to 1; the number of token vectors.
    """
    encoder = LateEncoder(None, config)
    vectors = encoder.encode_documents(list(passages), progress=progress).vectors
    moment = np.zeros((backbone.DIM, backbone.DIM))
    for start in range(0, len(vectors), 8192):
        block = vectors[start : start + 8192].astype(np.float64)
        moment += block.T @ block
    values, columns = np.linalg.eigh(moment)
    rows = columns[:, ::-1].T[:MAX_DIM]
    # A singular vector's sign is free: fix it, so that a second fit gives the same file.
    signs = np.sign(rows[np.arange(len(rows)), np.abs(rows).argmax(axis=1)])
    return (rows * signs[:, None]).astype(np.float32), values[::-1] / values.sum(), len(vectors)


def main(argv: Sequence[str] | None = None) -> int:
    """Fit the projection again and write it beside its configuration."""
    parser = argparse.ArgumentParser(prog="python -m lateint_ref.encoders.projection", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=projection_folder(), help="folder to write to")
    parser.add_argument("--passages", type=int, default=3000, help="how many passages to sample at most")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sample")
    arguments = parser.parse_args(argv)
    started = time.perf_counter()
    passages = docstring_passages()
    rng = np.random.default_rng(arguments.seed)
    chosen = sorted(rng.permutation(len(passages))[: arguments.passages].tolist())
    config = LateConfig.load(projection_folder() / "config.json")
    weight, energy, count = fit([passages[index] for index in chosen], config)
    write(arguments.out, weight)
    print(
        f"{len(chosen)} of {len(passages)} passages, {count} token vectors, seed {arguments.seed}: "
        f"{MAX_DIM} of {backbone.DIM} dimensions keep {energy[:MAX_DIM].sum():.4f} of the energy. "
        f"{time.perf_counter() - started:.0f} s."
    )
    return 0


def write(folder: Path, weight: Float32Array) -> None:
    """Write `projection.safetensors` and its digest, each whole or not at all."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".projection.{os.getpid()}.partial"
    save_file({"weight": np.ascontiguousarray(weight)}, partial)
    digest = backbone.sha256_of(partial)
    partial.chmod(0o644)
    partial.replace(folder / "projection.safetensors")
    (folder / "projection.json").write_text(json.dumps({"sha256": digest}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
