"""The vectors of many documents in one array: as floats, bits, bytes and residual codes."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from lateint_ref.checks import (
    Float32Array,
    Int8Array,
    UInt8Array,
    as_bits,
    as_int8,
    as_matrix,
    as_numbers,
    describe,
    positive,
)
from lateint_ref.ragged import Ragged, checked_ids, offsets_of

T = TypeVar("T", bound=np.generic)


class Matrices(Ragged, Generic[T]):
    """One matrix of vectors a document, back to back in `vectors`. A subclass says what a matrix must be."""

    _columns = ("vectors",)
    _shape: ClassVar[str] = "dim"

    def __init__(self, vectors: Any, offsets: Any, ids: Sequence[str] | None = None) -> None:
        """Wrap a matrix that is already back to back; `from_list` is the usual way in.

        Raises:
            TypeError: `vectors` has the wrong dtype or `ids` are not strings.
            ValueError: offsets that do not cut `vectors` into non-empty documents, or duplicate ids.
        """
        self.vectors: NDArray[T] = self._matrix(vectors, "vectors", f"(total_vectors, {self._shape})")
        super().__init__(len(self.vectors), offsets, ids)

    @classmethod
    def _matrix(cls, value: Any, name: str, takes: str) -> NDArray[T]:
        """Return `value` as a checked matrix of this collection's kind; errors call it `name`."""
        raise NotImplementedError

    @classmethod
    def from_list(cls, arrays: Any, ids: Sequence[str] | None = None, mask: Any = None) -> Self:
        """Join one matrix a document.

        Args:
            arrays: `n_docs` matrices `(n_i, columns)`, `n_i >= 1`, the same number of columns throughout; any iterable.
            ids: `n_docs` unique strings; by default those of `arrays` where it is a collection, or `"0"`, `"1"`, ...
            mask: for padded documents, `(n_docs, longest)`: true (or 1) where a row is a vector and not padding.

        Raises:
            TypeError: a document has the wrong dtype, or `ids` are not strings.
            ValueError: no documents, an empty one, mixed dims, a float document that ends in a row of zeros, as padding
                does (the document is named); duplicate ids; a mask that does not fit.
        """
        if isinstance(arrays, Ragged) and ids is None:
            ids = arrays.ids
        if isinstance(arrays, Mapping):
            raise TypeError("arrays must be a list of matrices, got a mapping: pass list(d.values()), ids=list(d).")
        if isinstance(arrays, str) or (hasattr(arrays, "ndim") and arrays.ndim < 3):
            raise ValueError(
                f"arrays must be a list with one (n_i, {cls._shape}) matrix a document, got {describe(arrays)}. "
                "Wrap a single document in a list."
            )
        documents = arrays if hasattr(arrays, "__len__") else list(arrays)
        if len(documents) == 0:
            raise ValueError("arrays is empty: a collection needs at least one document.")
        names = checked_ids(ids, len(documents))
        if mask is not None:
            documents = _unpadded(documents, mask, names)
        matrices: list[NDArray[T]] = []
        for name, document in zip(names, documents, strict=True):
            where = f"document {name!r}"
            matrix = cls._matrix(document, where, f"(n_i, {cls._shape})")
            # Bits and bytes may be all zero and mean it.
            if matrix.dtype == np.float32 and not matrix[-1].any() and matrix.any():
                raise ValueError(
                    f"{where} ends in a row of zeros, as padding does: MaxSim would count it. Cut it off or pass mask= "
                    "(MultiVectors(vectors, offsets) takes vectors that are zero and mean it)."
                )
            matrices.append(matrix)
            dims = [part.shape[1] * cls._dims_per_column for part in (matrix, matrices[0])]
            if dims[0] != dims[1]:
                raise ValueError(
                    f"{where} has {dims[0]} dimensions where document {names[0]!r} has {dims[1]}: a collection holds "
                    "vectors of one encoder and projection."
                )
        return cls(np.concatenate(matrices), offsets_of([len(matrix) for matrix in matrices]), names)

    @property
    def dim(self) -> int:
        """Number of dimensions of every vector."""
        return int(self.vectors.shape[1]) * self._dims_per_column

    def __iter__(self) -> Iterator[NDArray[T]]:
        for start, stop in zip(self.offsets[:-1], self.offsets[1:], strict=True):
            yield self.vectors[start:stop]

    def __getitem__(self, key: Any) -> Any:
        """One document's matrix by position or id, a view; or a collection by slice, list or mask, as `take`."""
        if isinstance(key, bool) or not isinstance(key, (str, int, np.integer)):
            return self.take(key)
        place = self.positions([key])[0]
        return self.vectors[self.offsets[place] : self.offsets[place + 1]]

    def __repr__(self) -> str:
        lengths = self.lengths
        spread = f"{lengths.min()}" if lengths.min() == lengths.max() else f"{lengths.min()} to {lengths.max()}"
        unit = self._dtypes[0] if self._dims_per_column == 1 else "bits"
        counts = f"{len(self)} documents, {spread} vectors each, {len(self.vectors)} x {self.dim} {unit}"
        return f"{type(self).__name__}({counts})"


class MultiVectors(Matrices[np.float32]):
    """The vectors of many documents: what an encoder returns.

    Lists, other numeric dtypes and tensors are converted to float32. A float32 array is taken as it is, not copied.

    Attributes:
        vectors: float32 `(total_vectors, dim)`, C-contiguous.
    """

    MADE_BY = "Build one with MultiVectors.from_list(list_of_matrices)."
    _dtypes = ("float32",)

    @classmethod
    def _matrix(cls, value: Any, name: str, takes: str) -> Float32Array:
        return as_matrix(value, name, takes)


class PackedMultiVectors(Matrices[np.uint8]):
    """The bits of many documents, as `quantize.binarize_collection` packs them: 1/32 of the memory of float32.

    Attributes:
        vectors: uint8 `(total_vectors, dim / 8)`, C-contiguous, most significant bit first.
    """

    MADE_BY = "Build one with binarize_collection(multivectors)."
    _dtypes = ("uint8",)
    _shape = "dim / 8"
    _dims_per_column = 8

    @classmethod
    def _matrix(cls, value: Any, name: str, takes: str) -> UInt8Array:
        return as_bits(value, name)

    @cached_property
    def words(self) -> NDArray[np.uint64]:
        """The same bits as uint64 `(total_vectors, words)`, for comparing 64 at a time; see `as_words`."""
        return as_words(self.vectors)


class Int8MultiVectors(Matrices[np.int8]):
    """The bytes of many documents, as `quantize.quantize_collection` makes them: 1/4 of the memory of float32.

    Attributes:
        vectors: int8 `(total_vectors, dim)`, C-contiguous.
        scale: what a byte of 1 stands for.
    """

    MADE_BY = "Build one with quantize_collection(multivectors)."
    _dtypes = ("int8",)
    _shared = ("scale",)

    def __init__(self, vectors: Any, offsets: Any, ids: Sequence[str] | None = None, scale: Any = 1.0) -> None:
        """Wrap bytes that are already back to back."""
        super().__init__(vectors, offsets, ids)
        self.scale = checked_scale(scale)

    @classmethod
    def _matrix(cls, value: Any, name: str, takes: str) -> Int8Array:
        return as_int8(value, name, takes)


class ResidualVectors(Ragged):
    """The codes of many documents, as `residual.ResidualCodec.encode` makes them. They mean nothing without the codec.

    Attributes:
        centroid_ids: int32 `(total_vectors,)`, the nearest centroid of each vector.
        residuals: uint8 `(total_vectors, dim * bits / 8)`, the bucket of each dimension, packed.
    """

    MADE_BY = "Make one with ResidualCodec.encode."
    _columns = ("centroid_ids", "residuals")
    _dtypes = ("int32", "uint8")

    def __init__(self, centroid_ids: Any, residuals: Any, offsets: Any, ids: Sequence[str] | None = None) -> None:
        """Check that the parts fit each other.

        Raises:
            ValueError: centroid ids that are not whole numbers of 0 or more, one a residual; offsets or ids as for
                `MultiVectors`.
        """
        self.residuals: UInt8Array = as_bits(residuals, "residuals")
        numbers = np.asarray(centroid_ids)
        if numbers.shape != (len(self.residuals),) or not np.issubdtype(numbers.dtype, np.integer):
            each = f"one whole number for each of {len(self.residuals)} residuals"
            raise ValueError(f"centroid_ids must hold {each}, got {describe(centroid_ids)}.")
        least, most, largest = numbers.min(), numbers.max(), np.iinfo(np.int32).max
        if least < 0 or most > largest:
            raise ValueError(f"centroid_ids must be from 0 to {largest} (4 bytes each), got {least} to {most}.")
        self.centroid_ids: NDArray[np.int32] = numbers.astype(np.int32, copy=False)
        super().__init__(len(self.residuals), offsets, ids)

    @property
    def bytes_per_vector(self) -> int:
        """Bytes of one stored vector: 4 for the centroid's number, and the residual's."""
        return int(self.centroid_ids.itemsize + self.residuals.shape[1])

    @property
    def nbytes(self) -> int:
        """Bytes of all vectors. The codec's own bytes come once a collection: `ResidualCodec.nbytes`."""
        return len(self.residuals) * self.bytes_per_vector

    def __repr__(self) -> str:
        return f"ResidualVectors({len(self)} documents, {len(self.residuals)} x {self.bytes_per_vector} bytes)"


def as_words(bits: UInt8Array) -> NDArray[np.uint64]:
    """Packed bits, uint8 `(n, dim / 8)`, as uint64 `(n, words)`, each row padded with zeros: a view where it can be."""
    missing = -bits.shape[1] % 8
    if missing:
        bits = np.pad(bits, ((0, 0), (0, missing)))
    return np.require(bits.view(np.uint64), requirements="A")


def checked_scale(scale: Any) -> float:
    """A scale of bytes as a float: above 0, also in float32."""
    value = positive(scale.item() if isinstance(scale, np.ndarray) and scale.ndim == 0 else scale, "scale")
    if not float(np.finfo(np.float32).tiny) <= value <= float(np.finfo(np.float32).max):
        raise ValueError(f"scale must be a number that float32 can divide by, from 1.2e-38 to 3.4e38, got {value}.")
    return value


def _unpadded(documents: Any, mask: Any, names: list[str]) -> list[NDArray[Any]]:
    """The rows of padded documents that a mask says to keep."""
    keep = [np.asarray(row.detach().cpu() if hasattr(row, "detach") else row) for row in mask]
    if len(keep) != len(names) or any(row.ndim != 1 or not np.isin(row, (0, 1)).all() for row in keep):
        raise ValueError(f"mask must hold true or false for each row of {len(names)} documents, got {describe(mask)}.")
    kept = []
    for name, document, row in zip(names, documents, keep, strict=True):
        plain = document.data if isinstance(document, np.ma.MaskedArray) else document
        vectors = as_numbers(plain, f"document {name!r}", "(longest, dim)")
        if len(vectors) != len(row):
            raise ValueError(f"mask has {len(row)} entries for document {name!r}, which has {len(vectors)} rows.")
        kept.append(vectors[row.astype(bool)])
    return kept
