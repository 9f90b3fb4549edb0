"""Which models run: the profile, and the five loaders.

The environment variable `LATEINT_PROFILE` chooses: `bundled` (default) runs on what comes with the package,
`hub` on the published models. Every loader but `load_static` takes a hub name or a local folder instead, in either
profile. Their errors are alike:

- `ModuleNotFoundError`, `FileNotFoundError`, `ValueError`: what is bundled, or a package that is needed, is missing or
  damaged; an argument out of range.
- `OSError`: a hub model that cannot be had, or a folder that cannot be read.
- `RuntimeError`: a checkpoint that leaves weights unset.
- `TypeError`: `model` is neither a name nor a path.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lateint_ref.encoders.base import PairScorer, SingleVectorEncoder
from lateint_ref.encoders.hub import HUB_MODELS, MODEL_VARIABLES, HubBi, HubCross, HubLate, HubPages
from lateint_ref.encoders.late import LateEncoder, load_trained_late, load_untrained_late
from lateint_ref.encoders.pages import BundledPages
from lateint_ref.encoders.single import BiEncoder, StaticEncoder

if TYPE_CHECKING:
    from lateint_ref.encoders.pixels import PixelPages

TRAINED = "trained"  # the name by which the loaders take what comes with the data folder

Model = str | os.PathLike[str] | None


def profile() -> Literal["bundled", "hub"]:
    """The profile that `LATEINT_PROFILE` asks for: `"bundled"` (also where it is not set) or `"hub"`.

    Raises:
        ValueError: it is set to something else.
    """
    value = os.environ.get("LATEINT_PROFILE", "").strip() or "bundled"
    if value not in ("bundled", "hub"):
        raise ValueError(
            f"LATEINT_PROFILE is {value!r}: it takes 'bundled' (runs on what comes with the package) or 'hub' (the "
            "published models, which a model hub must serve)."
        )
    return "hub" if value == "hub" else "bundled"


def model_name(kind: str) -> str:
    """The hub name or folder that the hub profile loads for `"bi"`, `"cross"`, `"late"` or `"pages"`.

    Raises:
        ValueError: another kind.
    """
    if kind not in HUB_MODELS:
        raise ValueError(f"kind must be one of {sorted(HUB_MODELS)}, got {kind!r}.")
    return os.environ.get(MODEL_VARIABLES[kind], "").strip() or HUB_MODELS[kind]


def load_bi(model: Model = None) -> SingleVectorEncoder:
    """The bi-encoder: one vector a text.

    Args:
        model: a hub name or a local folder. By default the profile's own: bundled all-MiniLM-L6-v2, or what
            `model_name("bi")` says.

    Returns:
        An encoder with `encode_queries(texts)` and `encode_documents(texts)`, each float32 `(n, dim)` of unit
        length, and `name` and `dim`.
    """
    if model is None and profile() == "bundled":
        return BiEncoder()
    return HubBi(_chosen(model, "bi"))


def load_late(model: Model = None, dim: int = 128) -> LateEncoder | HubLate:
    """The late encoder: one vector a token.

    Args:
        model: a hub name or a local folder that PyLate can read. By default the profile's own: the bundled projection
            of all-MiniLM-L6-v2's token vectors, or what `model_name("late")` says. `"trained"` is the bundled one
            that was trained for MaxSim.
        dim: dimensions of a bundled encoder: 1 to 128 (the leading rows of the projection), or, untrained, 384 for the
            token vectors as they are. A published model has the number it was trained with: leave `dim` alone.

    Returns:
        An encoder with `encode_queries(texts, ids=None)` and `encode_documents(texts, ids=None)`, each a
        `MultiVectors` of unit-length vectors, `encode_query(text)`, `tokens(text, kind)`, and `name` and `dim`.
    """
    if model is None and profile() == "bundled":
        return load_untrained_late(dim)
    if model == TRAINED:
        return load_trained_late(dim=dim)
    if dim != 128:
        raise ValueError(f"dim is for the bundled late encoder; a published model fixes its own, got dim={dim}.")
    return HubLate(_chosen(model, "late"))


def load_cross(model: Model = None) -> PairScorer:
    """The cross-encoder: one score a pair, query and document read together.

    Args:
        model: a hub name or a local folder. By default the profile's own: the bundled backbone reading two texts in
            its upper layers, or what `model_name("cross")` says. `"trained"` is the bundled one that was trained to
            score pairs.

    Returns:
        An encoder with `score(query, documents)`, float32 `(n,)`, and `name`.
    """
    if model == TRAINED or (model is None and profile() == "bundled"):
        from lateint_ref.encoders.cross import CrossEncoder, load_trained_cross  # imports torch

        return CrossEncoder() if model is None else load_trained_cross()
    return HubCross(_chosen(model, "cross"))


def load_pages(model: Model = None) -> BundledPages | HubPages | PixelPages:
    """The page encoder: one vector a patch of a page image, and queries in the same space.

    Args:
        model: a hub name or a local folder that colpali-engine can read. By default the profile's own: bundled a
            stand-in for a vision-language model (OCR and the late encoder), or what `model_name("pages")` says.
            `"trained"` is the bundled one that reads pixels and no OCR.

    Returns:
        An encoder with `encode_pages(images, ids=None)`, a `PageVectors`, `encode_queries(texts, ids=None)`, a
        `MultiVectors`, `encode_query(text)`, `tokens(text)`, and `name` and `dim`; all vectors of unit length.
    """
    if model is None and profile() == "bundled":
        return BundledPages(load_untrained_late())
    if model == TRAINED:
        from lateint_ref.encoders.pixels import load_pixels

        return load_pixels()
    return HubPages(_chosen(model, "pages"))


def load_static() -> StaticEncoder:
    """Static embeddings distilled from the backbone: a table of token vectors, no attention. As `load_bi` otherwise."""
    return StaticEncoder()


def _chosen(model: Any, kind: str) -> str:
    if model is None:
        return model_name(kind)
    if not isinstance(model, (str, Path)) or not str(model).strip():
        raise TypeError(f"model must be a hub name or a local folder, got {model!r}.")
    return str(model)
