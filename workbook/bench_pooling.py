"""Pooling against colpali-engine's pooler: one page, factor 3, the same result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lateint_ref.checks import Float32Array
from lateint_ref.multivectors import MultiVectors
from lateint_ref.pooling import pool_levels, pool_tokens

OURS = "lateint_ref.pool_tokens"
PEER = "colpali-engine HierarchicalTokenPooler"
FACTORS = (2, 3, 4, 6, 10, 20, 50, 100, 200)


def one_page(vectors: Float32Array) -> tuple[str, dict[str, Callable[[], Any]]]:
    """A title and the contenders: 1030 vectors of one page, factor 3; nine factors from one tree as well.

    Raises:
        AssertionError: the two pool differently.
    """
    import torch
    from colpali_engine.compression.token_pooling import HierarchicalTokenPooler

    pooler, tensor = HierarchicalTokenPooler(), torch.from_numpy(vectors)
    page = MultiVectors.from_list([vectors])
    contenders: dict[str, Callable[[], Any]] = {
        OURS: lambda: pool_tokens(vectors, 3),
        PEER: lambda: pooler.pool_embeddings([tensor], pool_factor=3)[0],
        f"lateint_ref.pool_levels, {len(FACTORS)} factors": lambda: pool_levels(page, FACTORS),
        f"{PEER}, {len(FACTORS)} factors": lambda: [
            pooler.pool_embeddings([tensor], pool_factor=factor) for factor in FACTORS
        ],
    }
    ours, theirs = contenders[OURS](), contenders[PEER]().numpy()
    # The same clusters in another order.
    order = (ours @ theirs.T).argmax(axis=1)
    np.testing.assert_array_equal(np.sort(order), np.arange(len(theirs)), err_msg=PEER)
    np.testing.assert_allclose(ours, theirs[order], atol=1e-5, err_msg=PEER)
    return f"pooling {len(vectors)} vectors of one page, 128 dimensions, factor 3", contenders
