"""The folders of `data/models`: their files, held to the SHA-256 digests that were written beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from lateint_ref.encoders.backbone import sha256_of

RESTORE = "Restore the folder data/models from the repository: git checkout -- data/models"


def write_digests(folder: Path, record: str, names: Sequence[str]) -> None:
    """Write the digests of these files of a folder into its file `record`."""
    digests = {"sha256": {name: sha256_of(folder / name) for name in names}}
    (folder / record).write_text(json.dumps(digests, indent=2) + "\n", encoding="utf-8")


def check_digests(folder: Path, record: str, names: Sequence[str], why: str) -> None:
    """Compare files of a folder with the digests in its file `record`.

    Args:
        folder: where they are.
        record: what `write_digests` wrote.
        names: the files.
        why: what they are needed for, a sentence for the message.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is not what was written.
    """
    for name in (record, *names):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder / name} is missing. {why} {RESTORE}")
    expected = json.loads((folder / record).read_text(encoding="utf-8"))["sha256"]
    for name in names:
        found, wanted = sha256_of(folder / name), expected.get(name)
        if found != wanted:
            raise ValueError(
                f"{folder / name} is damaged: its SHA-256 is {found}, {record} says {wanted}. {why} {RESTORE}"
            )
