"""Which models run: the profile, and the five loaders.

The environment variable `LATEINT_PROFILE` chooses: `bundled` (default) runs on what comes with the package, `hub` on
the published models. Every loader but `load_static` takes a hub name or a local folder instead, in either profile.
By default it is the bundled model, or what `model_name(kind)` says; `"trained"` is the bundled one that was trained
for its job. They raise:

- `ModuleNotFoundError`, `FileNotFoundError`, `ValueError`: what is bundled, or a package that is needed, is missing or
  damaged; an argument out of range.
- `OSError`: a hub model that cannot be had, or a folder that cannot be read.
- `RuntimeError`: a checkpoint that leaves weights unset.
- `TypeError`: `model` is neither a name nor a path.
"""

from __future__ import annotations

import os
from typing import Any, Literal

from lateint_ref.checks import one_of
from lateint_ref.encoders.base import PairScorer, SingleVectorEncoder
from lateint_ref.encoders.hub import HUB_MODELS, MODEL_VARIABLES, HubBi, HubCross, HubLate, hub_name
from lateint_ref.encoders.hub_pages import HubPages
from lateint_ref.encoders.late import LateEncoder, load_trained_late, load_untrained_late
from lateint_ref.encoders.pages import BundledPages, PageEncoder
from lateint_ref.encoders.single import BiEncoder, StaticEncoder

TRAINED = "trained"  # the name by which the loaders take what comes with the data folder

Model = str | os.PathLike[str] | None


def profile() -> Literal["bundled", "hub"]:
    """The profile that `LATEINT_PROFILE` asks for; `"bundled"` where it is not set."""
    value = os.environ.get("LATEINT_PROFILE", "").strip() or "bundled"
    if value not in ("bundled", "hub"):
        raise ValueError(
            f"LATEINT_PROFILE is {value!r}: it takes 'bundled' (runs on what comes with the package) or 'hub' (the "
            "published models, which a model hub must serve)."
        )
    return "hub" if value == "hub" else "bundled"


def model_name(kind: str) -> str:
    """The hub name or folder that the hub profile loads for `"bi"`, `"cross"`, `"late"` or `"pages"`."""
    one_of(kind, sorted(HUB_MODELS), "kind")
    return os.environ.get(MODEL_VARIABLES[kind], "").strip() or HUB_MODELS[kind]


def load_bi(model: Model = None) -> SingleVectorEncoder:
    """The bi-encoder: one vector a text; bundled, all-MiniLM-L6-v2."""
    if model is None and profile() == "bundled":
        return BiEncoder()
    return HubBi(_chosen(model, "bi"))


def load_late(model: Model = None, dim: int = 128) -> LateEncoder | HubLate:
    """The late encoder: one vector a token; bundled, all-MiniLM-L6-v2's token vectors and a projection.

    Args:
        model: a hub name or a local folder that PyLate can read, or `"trained"`.
        dim: dimensions of a bundled encoder: 1 to 128 (the leading rows of the projection), or, untrained, 384 for the
            token vectors as they are. A published model has the number it was trained with: leave `dim` alone.
    """
    if model is None and profile() == "bundled":
        return load_untrained_late(dim)
    if model == TRAINED:
        return load_trained_late(dim=dim)
    if dim != 128:
        raise ValueError(f"dim is for the bundled late encoder; a published model fixes its own, got dim={dim}.")
    return HubLate(_chosen(model, "late"))


def load_cross(model: Model = None) -> PairScorer:
    """The cross-encoder: one score a pair; bundled, the backbone reading two texts together in its upper layers."""
    if model == TRAINED or (model is None and profile() == "bundled"):
        from lateint_ref.encoders.cross import CrossEncoder, load_trained_cross  # imports torch

        return CrossEncoder() if model is None else load_trained_cross()
    return HubCross(_chosen(model, "cross"))


def load_pages(model: Model = None) -> PageEncoder:
    """The page encoder: one vector a patch of a page image, and queries in the same space.

    Bundled, a stand-in for a vision-language model (OCR and the late encoder); `"trained"` reads pixels and no OCR;
    published, one that colpali-engine can read.
    """
    if model is None and profile() == "bundled":
        return BundledPages(load_untrained_late())
    if model == TRAINED:
        from lateint_ref.encoders.pixels import load_pixels

        return load_pixels()
    return HubPages(_chosen(model, "pages"))


def load_static() -> StaticEncoder:
    """Static embeddings distilled from the backbone: a table of token vectors, no attention; one vector a text."""
    return StaticEncoder()


def _chosen(model: Any, kind: str) -> str:
    return model_name(kind) if model is None else hub_name(model)
