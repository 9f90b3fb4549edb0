"""All indices of one local node: in memory, and where a folder is given, in it.

The folder holds one file an index, `NAME.jsonl`: one line a change, appended before the change is acknowledged, and
read from the top when the node starts. A line that a killed process left half written was never acknowledged; it is
cut off at the next start. A document is in the index once however often it stands in the file: its id decides.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import threading
from pathlib import Path
from typing import IO, Any

import numpy as np

from workbook.elasticsearch._documents import parse_document
from workbook.elasticsearch._errors import NodeError, no_such_index
from workbook.elasticsearch._index import Document, Index
from workbook.elasticsearch._mapping import Mapping
from workbook.elasticsearch._parts import Parsed, Spot
from workbook.elasticsearch._settings import check_index_name

_FORMAT = "lateint_ref local node 1"
_DTYPES = {"float32": np.float32, "int8": np.int8, "uint8": np.uint8}


class Store:
    """The indices of a local node.

    Attributes:
        folder: where they are kept; None for memory only.
        indices: by name.
        lock: held while a request runs.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Open a store, reading what the folder holds.

        Raises:
            RuntimeError: another process has the folder open.
            ValueError: a file in the folder is not one of these, or is damaged above its last line.
        """
        self.folder = folder
        self.indices: dict[str, Index] = {}
        self.lock = threading.RLock()
        self._files: dict[str, IO[bytes]] = {}
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._held = _hold(folder / ".lock")
            for path in sorted(folder.glob("*.jsonl")):
                self._open(path)

    def index(self, name: str) -> Index:
        """The index of this name.

        Raises:
            NodeError: 404.
        """
        if name not in self.indices:
            raise no_such_index(name)
        return self.indices[name]

    def create(self, name: str, settings: dict[str, str], mapping: dict[str, Any]) -> Index:
        """Make an index.

        Raises:
            NodeError: 400 where it exists already or the name is not allowed.
        """
        check_index_name(name)
        if name in self.indices:
            extra: dict[str, Any] = {"index_uuid": self.indices[name].uuid, "index": name}
            reason = f"index [{name}/{self.indices[name].uuid}] already exists"
            raise NodeError(400, "resource_already_exists_exception", reason, **extra)
        index = Index(name, settings, mapping)
        if self.folder is not None:
            self._files[name] = (self.folder / f"{name}.jsonl").open("ab")
            first = {"format": _FORMAT, "name": name, "uuid": index.uuid, "created": index.created}
            self._write(name, {"op": "index", **first, "settings": settings, "mappings": mapping})
            self.commit()
        self._attach(index)
        return index

    def drop(self, name: str) -> None:
        """Delete an index and its file."""
        self.index(name)
        del self.indices[name]
        if self.folder is not None:
            self._files.pop(name).close()
            (self.folder / f"{name}.jsonl").unlink()

    def commit(self) -> None:
        """Hand every written line to the operating system; after that a killed process loses none of them."""
        for file in self._files.values():
            file.flush()

    def _attach(self, index: Index) -> None:
        self.indices[index.name] = index
        if self.folder is not None:
            index.record = lambda kind, fields, document: self._record(index.name, kind, fields, document)

    def _record(self, name: str, kind: str, fields: dict[str, Any], document: Document | None) -> None:
        line = {"op": kind, **fields}
        if document is not None:
            line["source"] = document.source
            line["vectors"] = [_vector_line(document, spot) for spot in document.spots]
        self._write(name, line)

    def _write(self, name: str, line: dict[str, Any]) -> None:
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
        self._files[name].write(text.encode("utf-8") + b"\n")

    def _open(self, path: Path) -> None:
        end = _whole_lines(path)
        index: Index | None = None
        with path.open("rb") as file:
            for number, text in enumerate(file, 1):
                try:
                    line = json.loads(text.decode("utf-8"))
                    index = _replay(index, line)
                except (ValueError, KeyError, TypeError, NodeError) as error:
                    raise ValueError(
                        f"{path} is not a file of the local node, or is damaged in line {number}: {error}. "
                        f"Delete it and index again."
                    ) from error
        if index is None:  # killed while it was being created
            path.unlink()
            return
        index.refresh()
        self._files[index.name] = path.open("ab")
        self._files[index.name].truncate(end)
        self._attach(index)


def _whole_lines(path: Path) -> int:
    """Cut off what follows the last line end; returns the length that is left."""
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - 65536)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                end = start + found + 1
                break
            end = start
        file.truncate(end)
    return end


def _replay(index: Index | None, line: dict[str, Any]) -> Index:
    if index is None:
        if line.get("op") != "index" or line.get("format") != _FORMAT:
            raise ValueError("the first line does not name the format")
        index = Index(line["name"], line["settings"], line["mappings"], line["created"])
        index.uuid = line["uuid"]
    elif line["op"] == "mapping":
        index.set_mapping(Mapping(line["mappings"]))
    elif line["op"] == "settings":
        index.set_settings(line["settings"])
    elif line["op"] == "delete":
        index.delete(line["id"])
    elif line["op"] == "put":
        found = parse_document(line["source"], index.mapping, line["id"])
        spots = []
        for steps, address, path, dtype, shape, data in line["vectors"]:
            spot = Spot(tuple(steps), tuple((name, number) for name, number in address), path)
            raw = np.frombuffer(base64.b64decode(data), _DTYPES[dtype]).reshape(shape)
            found.root.at(spot.address).vectors[path] = raw.copy()
            spots.append(spot)
        index.store(line["id"], Parsed(found.source, spots, found.root, index.mapping), line["version"])
    else:
        raise ValueError(f"unknown operation {line['op']!r}")
    return index


def _vector_line(document: Document, spot: Spot) -> list[Any]:
    array = document.root.at(spot.address).vectors[spot.path]
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
    return [
        list(spot.steps),
        [list(step) for step in spot.address],
        spot.path,
        array.dtype.name,
        list(array.shape),
        data,
    ]


def _hold(path: Path) -> IO[bytes]:
    """Keep other processes out of the folder for as long as this one lives (where the system has file locks)."""
    file = path.open("ab")
    with contextlib.suppress(ImportError):
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            raise RuntimeError(
                f"the folder {path.parent} is in use by a local node in another process. "
                f"Stop that one (a notebook's kernel, perhaps), or give this one another folder."
            ) from error
    return file


_SHARED: dict[Path, Store] = {}


def open_store(folder: str | os.PathLike[str] | None) -> Store:
    """A store: a new one in memory, or the one of a folder, which all callers in this process share."""
    if folder is None:
        return Store()
    path = Path(folder).expanduser().resolve()
    if path not in _SHARED:
        _SHARED[path] = Store(path)
    return _SHARED[path]
