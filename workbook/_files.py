"""Files that are written whole or not at all, and how to get back one that git keeps."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write a text file as UTF-8. What was there stays until the new one is complete, whoever else writes it, too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        # mkstemp lets nobody else read the file: give it the rights of the one it replaces, or of any new file.
        Path(name).chmod(path.stat().st_mode if path.exists() else 0o644)
        Path(name).replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()


def restore(path: Path) -> str:
    """The command that brings back a committed file, from whatever folder it is called."""
    return f'git -C "{path.parent}" checkout -- {path.name}'
