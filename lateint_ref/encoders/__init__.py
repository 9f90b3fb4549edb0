"""Text and pages to vectors: bi-, late, cross- and page encoders, BM25 and static embeddings, in two profiles.

Read `base` (what an encoder is), `backbone`, `single`, `late`, `cross`, `bm25`, `pages`; then `trained` (weights on
disk), `pixels`, `hub` and `hub_pages` (the published models) and `load`. Nothing heavy is imported before a model is
loaded.
"""

from lateint_ref.encoders.backbone import backbone_path
from lateint_ref.encoders.bm25 import BM25
from lateint_ref.encoders.hub import HUB_MODELS, MODEL_VARIABLES
from lateint_ref.encoders.load import load_bi, load_cross, load_late, load_pages, load_static, model_name, profile

__all__ = [
    "BM25",
    "HUB_MODELS",
    "MODEL_VARIABLES",
    "backbone_path",
    "load_bi",
    "load_cross",
    "load_late",
    "load_pages",
    "load_static",
    "model_name",
    "profile",
]
