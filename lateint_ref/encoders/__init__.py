"""Text and pages to vectors: bi-, late, cross- and page encoders, BM25 and static embeddings, in two profiles.

The environment variable `LATEINT_PROFILE` chooses: `bundled` (default) runs on what comes with the package,
`hub` on the published models. Nothing heavy is imported before a model is loaded.
"""

from lateint_ref.encoders.backbone import backbone_path
from lateint_ref.encoders.lexical import BM25
from lateint_ref.encoders.profiles import (
    HUB_MODELS,
    load_bi,
    load_cross,
    load_late,
    load_pages,
    load_static,
    model_name,
    profile,
)

__all__ = [
    "BM25",
    "HUB_MODELS",
    "backbone_path",
    "load_bi",
    "load_cross",
    "load_late",
    "load_pages",
    "load_static",
    "model_name",
    "profile",
]
