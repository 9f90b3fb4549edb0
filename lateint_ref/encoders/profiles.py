"""Which models run: the profile, the names, and the five loaders."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from lateint_ref.encoders.bi import BiEncoder
    from lateint_ref.encoders.cross import CrossEncoder
    from lateint_ref.encoders.cross_trained import TrainedCross
    from lateint_ref.encoders.hub import HubBi, HubCross, HubLate
    from lateint_ref.encoders.late import LateEncoder
    from lateint_ref.encoders.pages_bundled import BundledPages
    from lateint_ref.encoders.pages_hub import HubPages
    from lateint_ref.encoders.pixels import PixelPages
    from lateint_ref.encoders.static import StaticEncoder

Profile = Literal["bundled", "hub"]

TRAINED = "trained"  # the name by which the loaders take what comes with the data folder

# The one table of hub names; the environment variable beside each puts another name or a local folder in its place.
HUB_MODELS = {
    "bi": "sentence-transformers/all-MiniLM-L6-v2",
    "cross": "cross-encoder/ms-marco-MiniLM-L6-v2",
    "late": "lightonai/GTE-ModernColBERT-v1",
    "pages": "vidore/colpali-v1.3",
}
MODEL_VARIABLES = {
    "bi": "LATEINT_BI_MODEL",
    "cross": "LATEINT_CROSS_MODEL",
    "late": "LATEINT_LATE_MODEL",
    "pages": "LATEINT_PAGES_MODEL",
}


def profile() -> Profile:
    """The profile that `LATEINT_PROFILE` asks for: `"bundled"` (also where it is not set) or `"hub"`.

    Raises:
        ValueError: it is set to something else.
    """
    value = os.environ.get("LATEINT_PROFILE", "").strip() or "bundled"
    if value == "bundled":
        return "bundled"
    if value == "hub":
        return "hub"
    raise ValueError(
        f"LATEINT_PROFILE is {value!r}: it takes 'bundled' (runs on what comes with the package) or 'hub' (the "
        "published models, which a model hub must serve)."
    )


def model_name(kind: str) -> str:
    """The hub name or folder that the hub profile loads for `"bi"`, `"cross"`, `"late"` or `"pages"`.

    Raises:
        ValueError: another kind.
    """
    if kind not in HUB_MODELS:
        raise ValueError(f"kind must be one of {sorted(HUB_MODELS)}, got {kind!r}.")
    return os.environ.get(MODEL_VARIABLES[kind], "").strip() or HUB_MODELS[kind]


def load_bi(model: str | os.PathLike[str] | None = None) -> BiEncoder | HubBi:
    """The bi-encoder: one vector a text.

    Args:
        model: a hub name or a local folder, in either profile. By default the profile's own: bundled
            all-MiniLM-L6-v2, or what `model_name("bi")` says.

    Returns:
        An encoder with `encode_queries(texts)` and `encode_documents(texts)`, each float32 `(n, dim)` of unit
        length, and `name` and `dim`.

    Raises:
        ModuleNotFoundError, FileNotFoundError, ValueError: the bundled backbone is missing or damaged.
        OSError: a hub model that cannot be had.
        RuntimeError: a checkpoint that leaves weights unset.
    """
    if model is None and profile() == "bundled":
        from lateint_ref.encoders.bi import BiEncoder

        return BiEncoder()
    from lateint_ref.encoders.hub import HubBi

    return HubBi(_chosen(model, "bi"))


def load_late(model: str | os.PathLike[str] | None = None, dim: int = 128) -> LateEncoder | HubLate:
    """The late encoder: one vector a token.

    Args:
        model: a hub name or a local folder that PyLate can read, in either profile. By default the profile's own:
            the bundled projection of all-MiniLM-L6-v2's token vectors, or what `model_name("late")` says. `"trained"`
            is the bundled one that was trained for MaxSim.
        dim: dimensions of a bundled encoder: 1 to 128 (the leading rows of the projection), or, untrained, 384 for the
            token vectors as they are. A published model has the number it was trained with: leave `dim` alone.

    Returns:
        An encoder with `encode_queries(texts, ids=None)` and `encode_documents(texts, ids=None)`, each a
        `MultiVectors` of unit-length vectors, `encode_query(text)`, `tokens(text, kind)`, and `name` and `dim`.

    Raises:
        ModuleNotFoundError, FileNotFoundError, ValueError: the bundled backbone or projection is missing or
            damaged, or `dim` is out of range.
        OSError: a hub model that cannot be had.
        RuntimeError: a checkpoint that leaves weights unset.
    """
    if model is None and profile() == "bundled":
        from lateint_ref.encoders.backbone import DIM
        from lateint_ref.encoders.late import LateConfig, LateEncoder
        from lateint_ref.encoders.projection import load_projection, projection_folder

        folder = projection_folder()
        config = LateConfig.load(folder / "config.json")
        return LateEncoder(None if dim == DIM else load_projection(folder, dim), config)
    if model == TRAINED:
        from lateint_ref.encoders.finetuned import load_trained_late

        return load_trained_late(dim=dim)
    if dim != 128:
        raise ValueError(f"dim is for the bundled late encoder; a published model fixes its own, got dim={dim}.")
    from lateint_ref.encoders.hub import HubLate

    return HubLate(_chosen(model, "late"))


def load_cross(model: str | os.PathLike[str] | None = None) -> CrossEncoder | TrainedCross | HubCross:
    """The cross-encoder: one score a pair, query and document read together.

    Args:
        model: a hub name or a local folder, in either profile. By default the profile's own: the bundled backbone
            reading two texts in its upper layers, or what `model_name("cross")` says. `"trained"` is the bundled one
            that was trained to score pairs.

    Returns:
        An encoder with `score(query, documents)`, float32 `(n,)`, and `name`.

    Raises:
        ModuleNotFoundError, FileNotFoundError, ValueError: the bundled backbone is missing or damaged.
        OSError: a hub model that cannot be had.
        RuntimeError: a checkpoint that leaves weights unset.
    """
    if model is None and profile() == "bundled":
        from lateint_ref.encoders.cross import CrossEncoder

        return CrossEncoder()
    if model == TRAINED:
        from lateint_ref.encoders.finetuned import load_trained_cross

        return load_trained_cross()
    from lateint_ref.encoders.hub import HubCross

    return HubCross(_chosen(model, "cross"))


def load_pages(model: str | os.PathLike[str] | None = None) -> BundledPages | HubPages | PixelPages:
    """The page encoder: one vector a patch of a page image, and queries in the same space.

    Args:
        model: a hub name or a local folder that colpali-engine can read, in either profile. By default the profile's
            own: bundled a stand-in for a vision-language model (OCR and the late encoder), or what
            `model_name("pages")` says. `"trained"` is the bundled one that reads pixels and no OCR.

    Returns:
        An encoder with `encode_pages(images, ids=None)`, a `PageVectors`, `encode_queries(texts, ids=None)`, a
        `MultiVectors`, `encode_query(text)`, `tokens(text)`, and `name` and `dim`; all vectors of unit length.

    Raises:
        ModuleNotFoundError, FileNotFoundError, ValueError: the bundled backbone, projection or page encoder is missing
            or damaged; a published model, and colpali-engine is not installed.
        OSError: a hub model that cannot be had.
        RuntimeError: a checkpoint that leaves weights unset.
    """
    if model is None and profile() == "bundled":
        from lateint_ref.encoders.late import LateEncoder
        from lateint_ref.encoders.pages_bundled import BundledPages

        late = load_late()
        assert isinstance(late, LateEncoder)
        return BundledPages(late)
    if model == TRAINED:
        from lateint_ref.encoders.pixels import load_pixels

        return load_pixels()
    from lateint_ref.encoders.pages_hub import HubPages

    return HubPages(_chosen(model, "pages"))


def load_static() -> StaticEncoder:
    """Static embeddings distilled from the backbone: a table of token vectors, no attention at all.

    Returns:
        An encoder with `encode_queries(texts)` and `encode_documents(texts)`, each float32 `(n, dim)` of unit
        length, and `name` and `dim`. The same in both profiles.

    Raises:
        FileNotFoundError, ValueError: the table is missing or damaged.
    """
    from lateint_ref.encoders.static import StaticEncoder

    return StaticEncoder()


def _chosen(model: Any, kind: str) -> str:
    if model is None:
        return model_name(kind)
    if not isinstance(model, (str, Path)) or not str(model).strip():
        raise TypeError(f"model must be a hub name or a local folder, got {model!r}.")
    return str(model)
