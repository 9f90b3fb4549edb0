"""Building a PyLate model, and refusing one that PyLate would complete with random numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from lateint_ref.checks import Float32Array
from lateint_ref.encoders._hub_loading import Loaded, loading
from lateint_ref.encoders.late import LateConfig


def build_pylate(projection: Float32Array | None, config: LateConfig) -> Any:
    """The bundled late encoder as a `pylate.models.ColBERT`: Transformer, then Dense without bias, on the CPU.

    Args:
        projection: float32 `(dim, 384)`, or None for the identity.
        config: how text is read.
    """
    from lateint_ref.encoders import backbone

    weight = np.eye(backbone.DIM, dtype=np.float32) if projection is None else projection
    with loading(str(backbone.backbone_path()), "late"):
        import torch
        from pylate.models import ColBERT, Dense
        from sentence_transformers.models import Transformer

        transformer = Transformer(str(backbone.backbone_path()))
        dense = Dense(weight.shape[1], weight.shape[0], bias=False, init_weight=torch.from_numpy(weight.copy()))
        return ColBERT(
            modules=[transformer, dense],
            device="cpu",
            query_prefix=config.query_marker or "",
            document_prefix=config.document_marker or "",
            query_length=config.query_length,
            document_length=config.document_length,
            do_query_expansion=config.query_expansion,
            attend_to_expansion_tokens=config.attend_to_expansion,
            skiplist_words=config.skipped_words(),
        ).eval()


def require_projection(name: str) -> None:
    """PyLate gives a checkpoint without a projection a random one: refuse it."""
    import json
    from pathlib import Path

    from sentence_transformers.util import load_file_path
    from transformers import AutoConfig

    modules = load_file_path(name, "modules.json")
    if modules is not None:
        types = [module["type"] for module in json.loads(Path(modules).read_text(encoding="utf-8"))]
        trained = any(kind.endswith("Dense") for kind in types)
    else:
        trained = "HF_ColBERT" in (AutoConfig.from_pretrained(name).architectures or [])
    if not trained:
        raise RuntimeError(
            f"the checkpoint {name} holds no projection, the last layer of a late encoder: it would be random numbers, "
            "and so would the results. Name a model that was trained as a ColBERT."
        )


def require_markers(name: str, model: Any, loaded: Loaded) -> None:
    """PyLate adds a marker that the vocabulary lacks, with a random vector: refuse it."""
    import torch

    weight = model[0].auto_model.get_input_embeddings().weight
    for marker, row in (
        (model.query_prefix, model.query_prefix_id),
        (model.document_prefix, model.document_prefix_id),
    ):
        known = row is None or any(
            row < len(trained) and torch.equal(trained[row].to(weight), weight[row]) for trained in loaded.embeddings
        )
        if not known:
            raise RuntimeError(
                f"the checkpoint {name} has no vector for the marker {marker!r}: it would be random numbers, and so "
                "would the results. Name a model that was trained as a ColBERT."
            )
