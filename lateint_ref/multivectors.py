"""Many documents' vectors in one array: the container that everything else scores."""

from __future__ import annotations

from typing import Any

import numpy as np

from lateint_ref._checks import Float32Array, as_matrix
from lateint_ref.ragged import Ragged
from lateint_ref.ragged import _checked_ids as _checked_ids  # the page encoders check ids before they encode


class MultiVectors(Ragged[np.float32]):
    """The vectors of many documents, back to back in one matrix.

    Documents differ in their number of vectors ("ragged"), so no padding is stored: document `i` is
    `vectors[offsets[i]:offsets[i + 1]]`. Lists, other numeric dtypes and CPU tensors are converted to float32; a NaN
    or an infinity is refused.

    Attributes:
        vectors: float32 `(total_vectors, dim)`, C-contiguous.
        offsets: int64 `(n_docs + 1,)`, `offsets[0] == 0`, strictly increasing, `offsets[-1] ==
            total_vectors`.
        ids: one unique string a document.
    """

    _dtype = "float32"
    _unit = "float32"

    @classmethod
    def _matrix(cls, value: Any, name: str, takes: str) -> Float32Array:
        return as_matrix(value, name, takes)
