"""Rows of many documents back to back: what every collection has in common.

Documents differ in their number of vectors ("ragged"). Nothing is padded: `offsets` says where each document begins.
"""

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from lateint_ref.checks import Int64Array, UInt8Array, describe, read_npz, require, write_npz


class Ragged:
    """Rows of many documents back to back: document `i` is rows `offsets[i]` to `offsets[i + 1]` of every column.

    Attributes:
        offsets: int64 `(n_docs + 1,)`, `offsets[0] == 0`, strictly increasing, `offsets[-1]` the number of rows.
        ids: one unique string a document.
    """

    # Attributes with one row a vector, in the order of __init__'s arguments, and those that the collection has once.
    _columns: ClassVar[tuple[str, ...]]
    _dtypes: ClassVar[tuple[str, ...]]
    _shared: ClassVar[tuple[str, ...]] = ()
    _dims_per_column: ClassVar[int] = 1
    MADE_BY: ClassVar[str] = "Pass a MultiVectors or another collection."

    def __init__(self, rows: int, offsets: Any, ids: Sequence[str] | None) -> None:
        """Check how `rows` rows are cut into documents, and what these are called."""
        self.offsets: Int64Array = _checked_offsets(offsets, rows)
        self.ids: list[str] = checked_ids(ids, len(self.offsets) - 1)

    @property
    def lengths(self) -> Int64Array:
        """Number of vectors of each document, int64 `(n_docs,)`."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, doc_id: object) -> bool:
        return isinstance(doc_id, str) and doc_id in self._places

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.ids)}

    def position(self, doc_id: str) -> int:
        """Position of a document by its id. Raises `KeyError` that names an unknown id."""
        if doc_id not in self:
            first = f"among {len(self)} documents (the first is {self.ids[0]!r})"
            raise KeyError(f"no document has the id {doc_id!r} {first}.")
        return self._places[doc_id]

    def positions(self, chosen: Any, name: str = "documents") -> Int64Array:
        """Which documents are meant, int64: the one way in which collections are selected from.

        Args:
            chosen: a slice, positions (negative ones count from the end), ids, or a boolean mask `(n_docs,)`.
            name: what the caller calls it, for messages.

        Raises:
            IndexError: a position outside the collection.
            KeyError: an unknown id.
            TypeError: one id or number rather than a list, or anything else.
            ValueError: a mask of another length.
        """
        if isinstance(chosen, slice):
            return np.arange(len(self))[chosen]
        if isinstance(chosen, str) or not isinstance(chosen, Iterable):
            raise TypeError(f"{name} must be a list of positions or of ids, or a mask, got {describe(chosen)}.")
        if not hasattr(chosen, "__len__"):
            chosen = list(chosen)
        if len(chosen) and all(isinstance(item, str) for item in chosen):
            return np.array([self.position(str(item)) for item in chosen], np.int64)
        array = np.asarray(chosen.detach().cpu() if hasattr(chosen, "detach") else chosen)
        if array.dtype == np.bool_:
            if array.shape != (len(self),):
                each = f"one truth value for each of {len(self)} documents"
                raise ValueError(f"a mask must hold {each}, got {describe(chosen)}.")
            return np.flatnonzero(array)
        if array.size == 0:
            return np.empty(0, np.int64)
        if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
            raise TypeError(f"{name} must be whole numbers (positions), ids, or a mask, got {describe(chosen)}.")
        places = array.astype(np.int64)
        outside = (places < -len(self)) | (places >= len(self))
        if outside.any():
            raise IndexError(f"position {places[outside][0]} is outside this collection of {len(self)} documents.")
        return places % len(self)

    def take(self, documents: Any) -> Self:
        """A new collection of these documents, in this order; errors as `positions`, and for none or one twice."""
        chosen = self.positions(documents)
        if not len(chosen):
            raise ValueError("documents is empty: a collection needs at least one document.")
        rows, offsets = rows_of(self.offsets, chosen)
        columns = [getattr(self, name)[rows] for name in self._columns]
        return self._like(columns, offsets, [self.ids[place] for place in chosen])

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Join collections of this kind in order.

        Raises:
            ValueError: no parts, mixed dims, an id that stands in two parts, or what the parts have once differs.
        """
        if not parts:
            raise ValueError(f"parts is empty: give at least one {cls.__name__}.")
        for part in parts:
            require(part, cls, "each of parts")
        once = {"dimensions": [getattr(part, cls._columns[-1]).shape[1] * part._dims_per_column for part in parts]}
        once |= {name: [getattr(part, name) for part in parts] for name in cls._shared}
        for name, values in once.items():
            if len(set(values)) > 1:
                raise ValueError(f"parts differ in {name} ({values}): a collection has one.")
        columns = [np.concatenate([getattr(part, name) for part in parts]) for name in cls._columns]
        ids = [doc_id for part in parts for doc_id in part.ids]
        return parts[0]._like(columns, offsets_of(np.concatenate([part.lengths for part in parts])), ids)

    def _like(self, columns: Sequence[Any], offsets: Any, ids: Sequence[str]) -> Self:
        """Another collection with these rows and what this one has once."""
        kind: Any = type(self)
        again: Self = kind(*columns, offsets, ids, **{name: getattr(self, name) for name in self._shared})
        return again

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write an `.npz` (no pickle), whole or not at all. Returns the path; `.npz` is appended where it lacks."""
        arrays = {name: np.asarray(getattr(self, name)) for name in (*self._columns, "offsets", *self._shared)}
        return write_npz(path, **arrays, ids=pack_ids(self.ids))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: no such file.
            ValueError: not such a file, damaged, a collection of another kind, or it holds pickled objects.
        """
        parts = read_npz(path, (*cls._columns, "offsets", "ids", *cls._shared), cls.__name__)
        for name, dtype in zip(cls._columns, cls._dtypes, strict=True):
            if parts[name].dtype != dtype:
                raise ValueError(
                    f"{path} is not a {cls.__name__} file: its {name} are {parts[name].dtype}, not {dtype}. "
                    "Load it with the class that saved it."
                )
        kind: Any = cls
        found: Self = kind(**{**parts, "ids": unpack_ids(parts["ids"])})
        return found


def offsets_of(lengths: Any) -> Int64Array:
    """Where documents of these lengths begin, and where the last one ends, int64 `(n_docs + 1,)`."""
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def rows_of(offsets: Int64Array, documents: Int64Array) -> tuple[Int64Array, Int64Array]:
    """The rows that belong to these documents, one document after the other, and the offsets that cut them."""
    starts, lengths = offsets[documents], np.diff(offsets)[documents]
    cut = offsets_of(lengths)
    rows: Int64Array = np.arange(cut[-1]) + np.repeat(starts - cut[:-1], lengths)
    return rows, cut


def checked_ids(ids: Sequence[str] | None, n_docs: int, name: str = "ids") -> list[str]:
    """Unique strings, one a document; `"0"`, `"1"`, ... where there are none."""
    if ids is None:
        return [str(index) for index in range(n_docs)]
    if isinstance(ids, str):
        raise TypeError(f"{name} must be a list with one string a document, got the single string {ids!r}.")
    names = [str(require(doc_id, str, f"each of {name}")) for doc_id in ids]
    if len(names) != n_docs:
        raise ValueError(f"{name} has {len(names)} entries for {n_docs} documents.")
    if len(set(names)) < len(names):
        raise ValueError(f"{name} must be unique: {Counter(names).most_common(1)[0][0]!r} stands more than once.")
    return names


def pack_ids(ids: Sequence[str]) -> UInt8Array:
    """Strings as the bytes of a JSON list: NumPy's own would all take the room of the longest, without final NULs."""
    return np.frombuffer(json.dumps(list(ids)).encode(), np.uint8)


def unpack_ids(stored: NDArray[Any]) -> list[str]:
    """What `pack_ids` packed; NumPy's own strings, too."""
    return [str(name) for name in (json.loads(stored.tobytes()) if stored.dtype == np.uint8 else stored)]


def _checked_offsets(offsets: Any, total: int) -> Int64Array:
    array = np.asarray(offsets)
    if array.ndim != 1 or len(array) < 2 or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"offsets must be whole numbers of shape (n_docs + 1,), got {describe(offsets)}.")
    array = array.astype(np.int64)
    if array[0] != 0 or array[-1] != total:
        ends = f"{array[0]} ... {array[-1]}"
        raise ValueError(f"offsets must begin at 0 and end at the number of vectors, {total}; got {ends}.")
    gaps = np.diff(array)
    if gaps.min() < 1:
        empty = f"document {int(np.argmax(gaps < 1))} would have {gaps[gaps < 1][0]} vectors"
        raise ValueError(f"offsets must increase: {empty}. An empty document cannot be scored; leave it out.")
    return array
