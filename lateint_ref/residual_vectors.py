"""Many documents' vectors as ColBERTv2 stores them: the number of a centroid and a packed residual each.

The packing: a residual's dimensions stand in order, the first in the most significant bits of the first byte, as in
`bits.binarize`. At 2 bits a byte holds four dimensions.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lateint_ref._checks import Int64Array, UInt8Array, as_bits, describe
from lateint_ref._npz import read_npz, write_npz
from lateint_ref.ragged import _checked_ids, _checked_offsets

BITS = (1, 2, 4)


@dataclass(frozen=True, eq=False)
class ResidualVectors:
    """What `ResidualCodec.encode` returns. It means nothing without the codec that made it.

    Attributes:
        centroid_ids: int32 `(total_vectors,)`, the nearest centroid of each vector.
        residuals: uint8 `(total_vectors, dim * bits / 8)`, the bucket of each dimension, packed.
        offsets: int64 `(n_docs + 1,)`; document `i` is rows `offsets[i]` to `offsets[i + 1]`.
        ids: one unique string a document.
    """

    centroid_ids: Any
    residuals: UInt8Array
    offsets: Int64Array
    ids: list[str]

    def __post_init__(self) -> None:
        """Check that the parts fit each other.

        Raises:
            TypeError: residuals that are not uint8, or ids that are not strings.
            ValueError: centroid ids that are not whole numbers of 0 or more, one a residual; offsets that do not cut
                them into non-empty documents; duplicate ids.
        """
        residuals = as_bits(self.residuals, "residuals")
        numbers = np.asarray(self.centroid_ids)
        if numbers.shape != (len(residuals),) or not np.issubdtype(numbers.dtype, np.integer):
            raise ValueError(
                f"centroid_ids must hold one whole number for each of {len(residuals)} residuals, got "
                f"{describe(self.centroid_ids)}."
            )
        if numbers.min() < 0 or numbers.max() > np.iinfo(np.int32).max:
            raise ValueError(
                f"centroid_ids must be from 0 to {np.iinfo(np.int32).max} (4 bytes each), got "
                f"{numbers.min()} to {numbers.max()}."
            )
        offsets = _checked_offsets(self.offsets, len(residuals))
        object.__setattr__(self, "centroid_ids", numbers.astype(np.int32, copy=False))
        object.__setattr__(self, "residuals", residuals)
        object.__setattr__(self, "offsets", offsets)
        object.__setattr__(self, "ids", _checked_ids(self.ids, len(offsets) - 1))

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def lengths(self) -> Int64Array:
        """Number of vectors of each document, int64 `(n_docs,)`."""
        return np.diff(self.offsets)

    @property
    def bytes_per_vector(self) -> int:
        """Bytes of one stored vector: 4 for the centroid's number, and the residual's."""
        return int(self.centroid_ids.itemsize + self.residuals.shape[1])

    @property
    def nbytes(self) -> int:
        """Bytes of all vectors. The codec's own bytes come once a collection: `ResidualCodec.nbytes`."""
        return len(self.residuals) * self.bytes_per_vector

    def take(self, positions: Sequence[int] | Int64Array) -> ResidualVectors:
        """The documents at these positions, in this order.

        Raises:
            IndexError: a position outside the collection.
            ValueError: no positions, or one twice.
        """
        chosen = np.asarray(positions)
        if chosen.ndim != 1 or not len(chosen) or not np.issubdtype(chosen.dtype, np.integer):
            raise ValueError(f"positions must be at least one whole number, as a list, got {describe(positions)}.")
        if chosen.min() < 0 or chosen.max() >= len(self):
            outside = chosen[(chosen < 0) | (chosen >= len(self))][0]
            raise IndexError(f"position {outside} is outside this collection of {len(self)} documents.")
        rows, offsets = rows_of(self.offsets, chosen)
        return ResidualVectors(
            self.centroid_ids[rows], self.residuals[rows], offsets, [self.ids[index] for index in chosen]
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write an `.npz` (no pickle), whole or not at all. Returns the path; `.npz` is appended where it lacks."""
        names = np.asarray(self.ids, dtype=np.str_)
        return write_npz(
            path, centroid_ids=self.centroid_ids, residuals=self.residuals, offsets=self.offsets, ids=names
        )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ResidualVectors:
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: no such file.
            ValueError: not such a file, damaged, or it holds pickled objects.
        """
        parts = read_npz(path, ("centroid_ids", "residuals", "offsets", "ids"), "ResidualVectors")
        return cls(parts["centroid_ids"], parts["residuals"], parts["offsets"], [str(name) for name in parts["ids"]])

    def __repr__(self) -> str:
        return f"ResidualVectors({len(self)} documents, {len(self.residuals)} x {self.bytes_per_vector} bytes)"


def rows_of(offsets: Int64Array, documents: Int64Array) -> tuple[Int64Array, Int64Array]:
    """The rows that belong to these documents, one document after the other, and the offsets that cut them."""
    starts, lengths = offsets[documents], np.diff(offsets)[documents]
    cut = np.concatenate([[0], np.cumsum(lengths)])
    rows: Int64Array = np.arange(cut[-1]) + np.repeat(starts - cut[:-1], lengths)
    return rows, cut


def pack(buckets: UInt8Array, bits: int) -> UInt8Array:
    """Buckets, uint8 `(n, dim)` with values below `2 ** bits`, to bytes, uint8 `(n, dim * bits / 8)`."""
    each = 8 // bits
    groups = buckets.reshape(len(buckets), -1, each)
    packed = np.zeros(groups.shape[:2], np.uint8)
    for place in range(each):
        packed |= groups[:, :, place] << np.uint8(8 - bits * (place + 1))
    return packed


def unpack_buckets(packed: UInt8Array, bits: int) -> UInt8Array:
    """Bytes, uint8 `(n, dim * bits / 8)`, to buckets, uint8 `(n, dim)`."""
    each = 8 // bits
    shifts = np.array([8 - bits * (place + 1) for place in range(each)], np.uint8)
    return ((packed[:, :, None] >> shifts) & np.uint8(2**bits - 1)).reshape(len(packed), -1)
