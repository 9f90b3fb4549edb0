"""Arrays in one `.npz` file, without pickle: written whole or not at all, read with a check of what is in it."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


def write_npz(path: str | os.PathLike[str], **arrays: Any) -> Path:
    """Write arrays under their names; `.npz` is appended where the path lacks it. Returns the path written."""
    target = Path(path)
    if target.suffix != ".npz":
        target = target.with_name(target.name + ".npz")
    partial = target.with_name(f".{target.stem}.{os.getpid()}.partial.npz")
    try:
        np.savez(partial, **arrays)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return target


def read_npz(path: str | os.PathLike[str], names: Sequence[str], kind: str) -> dict[str, Any]:
    """Read the arrays of these names.

    Args:
        path: the file.
        names: all of what it must hold.
        kind: the class that wrote it, for the message.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not such a file, damaged, or it holds pickled objects.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in names}
    except FileNotFoundError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} is not a {kind} file (.npz with {', '.join(names)}), or is damaged: {error}. "
            f"Write it again with {kind}.save."
        ) from error
