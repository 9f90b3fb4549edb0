"""Matrices of many documents back to back: what float vectors, packed bits and bytes have in common."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from lateint_ref._checks import Int64Array, describe
from lateint_ref._npz import read_npz, write_npz

T = TypeVar("T", bound=np.generic)


class Ragged(Generic[T]):
    """One matrix a document, stored without padding: document `i` is `vectors[offsets[i]:offsets[i + 1]]`.

    A subclass says what a matrix must be (`_matrix`), its dtype, and how errors describe its shape.

    Attributes:
        vectors: `(total_vectors, columns)`, C-contiguous.
        offsets: int64 `(n_docs + 1,)`, `offsets[0] == 0`, strictly increasing, `offsets[-1] ==
            total_vectors`.
        ids: one unique string a document.
    """

    _dtype: ClassVar[str]
    _unit: ClassVar[str]
    _shape: ClassVar[str] = "dim"
    _dims_per_column: ClassVar[int] = 1
    _names: ClassVar[tuple[str, ...]] = ("vectors", "offsets", "ids")

    vectors: NDArray[T]

    def __init__(self, vectors: Any, offsets: Any, ids: Sequence[str] | None = None) -> None:
        """Wrap a matrix that is already back to back; `from_list` is the usual way in.

        Raises:
            TypeError: `vectors` has the wrong dtype or `ids` are not strings.
            ValueError: offsets that do not cut `vectors` into non-empty documents, values that do not belong in such
                a matrix, duplicate ids.
        """
        self.vectors = self._matrix(vectors, "vectors", f"(total_vectors, {self._shape})")
        self.offsets: Int64Array = _checked_offsets(offsets, len(self.vectors))
        self.ids: list[str] = _checked_ids(ids, len(self.offsets) - 1)
        self._position: dict[str, int] | None = None

    @classmethod
    def _matrix(cls, value: Any, name: str, takes: str) -> NDArray[T]:
        """Return `value` as a checked matrix of this collection's kind; errors call it `name`."""
        raise NotImplementedError

    def _like(self, vectors: NDArray[T], offsets: Any, ids: Sequence[str]) -> Self:
        """Another collection with these vectors and this one's other attributes."""
        return type(self)(vectors, offsets, ids)

    @classmethod
    def from_list(cls, arrays: Any, ids: Sequence[str] | None = None) -> Self:
        """Join one matrix a document.

        Args:
            arrays: `n_docs` matrices `(n_i, columns)`, `n_i >= 1`, the same number of columns throughout.
            ids: `n_docs` unique strings; by default `"0"`, `"1"`, ...

        Raises:
            TypeError: a document has the wrong dtype, or `ids` are not strings.
            ValueError: no documents, an empty document, mixed dims, values that do not belong in such a matrix (the
                document is named), duplicate ids.
        """
        if isinstance(arrays, np.ndarray) and arrays.ndim < 3:
            raise ValueError(
                f"arrays must be a list with one (n_i, {cls._shape}) matrix a document, got {describe(arrays)}. "
                "Wrap a single document in a list."
            )
        if len(arrays) == 0:
            raise ValueError("arrays is empty: a collection needs at least one document.")
        names = _checked_ids(ids, len(arrays))
        matrices = [
            cls._matrix(array, f"document {name!r}", f"(n_i, {cls._shape})")
            for name, array in zip(names, arrays, strict=True)
        ]
        columns = matrices[0].shape[1]
        for name, matrix in zip(names, matrices, strict=True):
            if matrix.shape[1] != columns:
                raise ValueError(
                    f"document {name!r} has {matrix.shape[1] * cls._dims_per_column} dimensions where document "
                    f"{names[0]!r} has {columns * cls._dims_per_column}: "
                    "a collection holds vectors of one encoder and projection."
                )
        offsets = np.concatenate([[0], np.cumsum([len(matrix) for matrix in matrices])])
        return cls(np.concatenate(matrices), offsets, names)

    @property
    def dim(self) -> int:
        """Number of dimensions of every vector."""
        return int(self.vectors.shape[1]) * self._dims_per_column

    @property
    def lengths(self) -> Int64Array:
        """Number of vectors of each document, int64 `(n_docs,)`."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[NDArray[T]]:
        for start, stop in zip(self.offsets[:-1], self.offsets[1:], strict=True):
            yield self.vectors[start:stop]

    def __getitem__(self, key: int | str | slice) -> Any:
        """One document's matrix by position or id, or a collection by slice.

        A single document is a view, not a copy.

        Raises:
            IndexError: a position outside the collection.
            KeyError: an unknown id.
        """
        if isinstance(key, slice):
            return self.take(range(*key.indices(len(self))))
        index = self.position(key) if isinstance(key, str) else int(key)
        if not -len(self) <= index < len(self):
            raise IndexError(f"position {index} is outside this collection of {len(self)} documents.")
        index %= len(self)
        return self.vectors[self.offsets[index] : self.offsets[index + 1]]

    def position(self, doc_id: str) -> int:
        """Position of a document by its id. Raises `KeyError` that names an unknown id."""
        if self._position is None:
            self._position = {name: index for index, name in enumerate(self.ids)}
        try:
            return self._position[doc_id]
        except KeyError:
            raise KeyError(
                f"no document has the id {doc_id!r} among {len(self)} documents (the first is {self.ids[0]!r})."
            ) from None

    def take(self, documents: Sequence[int] | Sequence[str] | Int64Array) -> Self:
        """A new collection of the documents at these positions or with these ids, in this order.

        Raises:
            IndexError: a position outside the collection.
            KeyError: an unknown id.
            ValueError: no documents, or one document twice.
        """
        matrices = [self[item if isinstance(item, str) else int(item)] for item in documents]
        names = [item if isinstance(item, str) else self.ids[int(item)] for item in documents]
        if not matrices:
            raise ValueError("documents is empty: a collection needs at least one document.")
        offsets = np.concatenate([[0], np.cumsum([len(matrix) for matrix in matrices])])
        return self._like(np.concatenate(matrices), offsets, names)

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Join collections in order.

        Raises:
            ValueError: no parts, mixed dims, or an id that stands in two parts.
        """
        if not parts:
            raise ValueError(f"parts is empty: give at least one {cls.__name__}.")
        dims = [part.dim for part in parts]
        if len(set(dims)) > 1:
            raise ValueError(f"parts differ in dimensions ({dims}): a collection holds vectors of one encoder.")
        lengths = np.concatenate([part.lengths for part in parts])
        ids = [doc_id for part in parts for doc_id in part.ids]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        return parts[0]._like(np.concatenate([part.vectors for part in parts]), offsets, ids)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write an `.npz` (no pickle). The file appears whole or not at all.

        Returns:
            The path written; `.npz` is appended where the name lacks it.
        """
        return write_npz(path, **{name: np.asarray(getattr(self, name)) for name in self._names})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: no such file.
            ValueError: not such a file, damaged, a collection of another kind, or it holds pickled objects.
        """
        parts = read_npz(path, cls._names, cls.__name__)
        if parts["vectors"].dtype != cls._dtype:
            raise ValueError(
                f"{path} is not a {cls.__name__} file: its vectors are {parts['vectors'].dtype}, not {cls._dtype}. "
                "Load it with the class that saved it."
            )
        parts["ids"] = [str(name) for name in parts["ids"]]
        return cls(**parts)

    def __repr__(self) -> str:
        lengths = self.lengths
        spread = f"{lengths.min()}" if lengths.min() == lengths.max() else f"{lengths.min()} to {lengths.max()}"
        counts = f"{len(self)} documents, {spread} vectors each"
        return f"{type(self).__name__}({counts}, {len(self.vectors)} x {self.dim} {self._unit})"


def _checked_offsets(offsets: Any, total: int) -> Int64Array:
    array = np.asarray(offsets)
    if array.ndim != 1 or len(array) < 2 or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"offsets must be whole numbers of shape (n_docs + 1,), got {describe(offsets)}.")
    array = array.astype(np.int64)
    if array[0] != 0 or array[-1] != total:
        raise ValueError(
            f"offsets must begin at 0 and end at the number of vectors, {total}; got {array[0]} ... {array[-1]}."
        )
    gaps = np.diff(array)
    if (gaps < 1).any():
        index = int(np.argmax(gaps < 1))
        raise ValueError(
            f"offsets must increase: document {index} would have {gaps[index]} vectors. An empty document "
            f"cannot be scored; leave it out."
        )
    return array


def _checked_ids(ids: Sequence[str] | None, n_docs: int) -> list[str]:
    if ids is None:
        return [str(index) for index in range(n_docs)]
    if isinstance(ids, str):
        raise TypeError(f"ids must be a list with one string a document, got the single string {ids!r}.")
    names = [str(name) if isinstance(name, np.str_) else name for name in ids]
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"ids must be strings, got {describe(name)}.")
    if len(names) != n_docs:
        raise ValueError(f"ids has {len(names)} entries for {n_docs} documents.")
    if len(set(names)) < len(names):
        twice = Counter(names).most_common(1)[0][0]
        raise ValueError(f"ids must be unique: {twice!r} stands more than once.")
    return names
