"""Bytes a document takes in each representation.

Counts the vectors themselves, as stored: no index structure, no compression, no copy of the source. Units are
bytes; `format_bytes` prints decimal units (1 MB = 1,000,000 bytes).

Sources: Elasticsearch reference, "Rank vectors field type" (float 4 bytes, byte 1, bit 1/8 a dimension);
Santhanam et al., "ColBERTv2: Effective and Efficient Retrieval via Lightweight Late Interaction", NAACL 2022,
section 3.3 (4-byte centroid id plus 1 or 2 bits a dimension).
"""

from __future__ import annotations

from lateint_ref._checks import positive_int
from lateint_ref.multivectors import MultiVectors

_CENTROID_ID_BYTES = 4

BITS_PER_DIMENSION = {
    "float32": 32,
    "float16": 16,
    "bfloat16": 16,
    "int8": 8,
    "residual-4bit": 4,
    "residual-2bit": 2,
    "residual-1bit": 1,
    "bit": 1,
}


def bytes_per_vector(dim: int, representation: str = "float32") -> int:
    """Bytes of one stored vector.

    Args:
        dim: dimensions, at least 1; a multiple of 8 where bits are packed.
        representation: a key of `BITS_PER_DIMENSION`. `residual-*` adds ColBERTv2's 4-byte centroid id.

    Raises:
        TypeError: `dim` is not a whole number.
        ValueError: an unknown representation, or bits that do not fill whole bytes.
    """
    dim = positive_int(dim, "dim")
    if representation not in BITS_PER_DIMENSION:
        raise ValueError(f"representation must be one of {list(BITS_PER_DIMENSION)}, got {representation!r}.")
    bits = dim * BITS_PER_DIMENSION[representation]
    if bits % 8:
        raise ValueError(
            f"{dim} dimensions as {representation!r} do not fill whole bytes: dim must be a multiple of 8."
        )
    return bits // 8 + (_CENTROID_ID_BYTES if representation.startswith("residual") else 0)


def bytes_per_document(n_vectors: int, dim: int, representation: str = "float32") -> int:
    """Bytes of one document of `n_vectors` vectors; 1 for an average vector.

    Raises:
        TypeError, ValueError: as `bytes_per_vector`.
    """
    return positive_int(n_vectors, "n_vectors") * bytes_per_vector(dim, representation)


def collection_bytes(documents: MultiVectors, representation: str = "float32") -> int:
    """Bytes of a whole collection's vectors.

    Raises:
        TypeError, ValueError: as `bytes_per_vector`.
    """
    return len(documents.vectors) * bytes_per_vector(documents.dim, representation)


def format_bytes(count: float) -> str:
    """Bytes for reading, decimal units, three significant digits: `format_bytes(527360)` is `"527 kB"`."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 999.5 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if value >= 100 or value == int(value) else f"{value:.3g} {unit}"
