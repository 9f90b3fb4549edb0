"""Encoders that were trained for their job, on disk: what training changed, to be put into a copy of the backbone.

A folder holds `model.safetensors`. Of a text encoder these are all layers and `OWN` beside them; the embeddings, half
of the backbone, stay as they are and are not stored. What training added to a matrix of the backbone is small, so it
is kept in 8 bits and one scale a row (`NAME.scale`), everything else in half precision: 11 MB instead of 21.
`trained.json` says which kind it is and holds the files' SHA-256, `config.json` how a late encoder reads text. The
recipes are in `data/training`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lateint_ref.encoders import backbone
from lateint_ref.encoders.backbone import RESTORE, check_digests, write_digests

if TYPE_CHECKING:
    from torch import Tensor

Shapes = Mapping[str, tuple[int, ...]]

NOTHING: Mapping[str, Tensor] = MappingProxyType({})
WEIGHTS, SETTINGS, CONFIG, SCALE = "model.safetensors", "trained.json", "config.json", ".scale"
# What a checkpoint holds beside the layers, name and shape: the projection and the two markers' word vectors, or the
# two segments' vectors and the head.
OWN: dict[str, Shapes] = {
    "late": {"projection.weight": (128, backbone.DIM), "markers": (2, backbone.DIM)},
    "cross": {
        "embeddings.token_type_embeddings.weight": (2, backbone.DIM),
        "pooler.dense.weight": (backbone.DIM, backbone.DIM),
        "pooler.dense.bias": (backbone.DIM,),
        "classifier.weight": (1, backbone.DIM),
        "classifier.bias": (1,),
    },
}


def trained_folder(kind: str) -> Path:
    """The folder of a trained encoder, `models/late-trained`, `cross-trained` or `page-trained` of the data folder."""
    return backbone.model_folder(f"{kind}-trained")


def read_trained(folder: Path, kind: str) -> dict[str, Tensor]:
    """The tensors of a trained `"late"` or `"cross"` encoder, in float32, after every check.

    Those of the backbone's layers have their names in `transformers.BertModel`; the others are `OWN[kind]`.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is damaged, of the other kind, or of another network, as `check_weights`.
    """
    read_settings(folder, kind)
    if kind == "late":
        check_digests(folder, SETTINGS, [CONFIG], _why(kind))
    return read_weights(folder, kind, _shapes(kind), _matrices())


def write_trained(folder: Path, kind: str, tensors: Mapping[str, Tensor], config: Any = None) -> None:
    """Write what `read_trained` reads, and its digests last: what was cut short does not fit them.

    Rounding moves a weight by at most 1/254 of the largest change in its row.

    Args:
        folder: made where it is missing.
        kind: `"late"` or `"cross"`.
        tensors: as `read_trained` returns them, and refused where it would.
        config: how a late encoder reads text, a `LateConfig`; None for a cross-encoder.
    """
    write_weights(folder, tensors, _shapes(kind), _matrices())
    if config is not None:
        config.save(folder / CONFIG)
    write_digests(folder, SETTINGS, [WEIGHTS, CONFIG] if kind == "late" else [WEIGHTS], kind=kind)


def trained_network(tensors: Mapping[str, Tensor]) -> Any:
    """A copy of the backbone with trained layers, what `read_trained` returned: the shared one stays as it is."""
    shared, _ = backbone.load_backbone()
    model = copy.deepcopy(shared)
    model.load_state_dict({name: found for name, found in tensors.items() if name.startswith("encoder.")}, strict=False)
    return model.eval().requires_grad_(False)


def _shapes(kind: str) -> Shapes:
    model, _ = backbone.load_backbone()
    layers = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items() if name.startswith("encoder.")}
    return layers | dict(OWN[kind])


def _matrices() -> dict[str, Tensor]:
    """The backbone's own matrices in all layers, which changes are added to."""
    model, _ = backbone.load_backbone()
    tensors = model.state_dict().items()
    return {name: tensor for name, tensor in tensors if name.startswith("encoder.") and tensor.ndim == 2}


# What serves page encoders as well


def _why(kind: str) -> str:
    return f"The trained {kind} encoder is read from it."


def read_settings(folder: Path, kind: str) -> dict[str, Any]:
    """What `trained.json` says of a trained encoder of this kind, whose weights are those that were written.

    Raises:
        FileNotFoundError, ValueError: as `backbone.check_digests`, or it is of another kind.
    """
    found = check_digests(folder, SETTINGS, [WEIGHTS], _why(kind))
    if found.get("kind") != kind:
        raise ValueError(f"{folder} holds a trained {found.get('kind')} encoder where a {kind} encoder is wanted.")
    return found


def read_weights(folder: Path, kind: str, shapes: Shapes, start: Mapping[str, Tensor] = NOTHING) -> dict[str, Tensor]:
    """The tensors of `model.safetensors`, in float32; `start` holds those whose changes are stored.

    Raises:
        ValueError: no file of weights, or as `check_weights`.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = folder / WEIGHTS
    try:
        stored = load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is no file of weights ({error}). {_why(kind)} {RESTORE}") from error
    scales = {name: stored.pop(name + SCALE) for name in start if name + SCALE in stored}
    # A change without its scale says nothing: the weight is missing.
    tensors = {name: found.float() for name, found in stored.items() if found.is_floating_point() or name in scales}
    for name, scale in scales.items():
        if name in tensors and tensors[name].shape == start[name].shape and scale.shape == start[name].shape[:1]:
            tensors[name] = start[name] + tensors[name] * scale[:, None]
    check_weights(tensors, shapes, path)
    return tensors


def write_weights(
    folder: Path, tensors: Mapping[str, Tensor], shapes: Shapes, start: Mapping[str, Tensor] = NOTHING
) -> None:
    """Write tensors, after `check_weights`: what differs from `start` in 8 bits, what it does not hold in 16.

    The folder is made where it is missing.
    """
    from safetensors.torch import save_file

    path = folder / WEIGHTS
    stored = {name: tensor.detach().cpu().half().contiguous() for name, tensor in sorted(tensors.items())}
    check_weights(stored, shapes, path)
    for name, before in start.items():
        change = tensors[name].detach().cpu().float() - before
        scale = change.abs().amax(dim=1).clamp_min(1e-12) / 127
        stored |= {name: (change / scale[:, None]).round().char(), name + SCALE: scale}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(stored, path)
    path.chmod(0o644)


def check_weights(tensors: Mapping[str, Tensor], shapes: Shapes, path: Path) -> None:
    """Refuse, with a `ValueError`, a weight that is missing, unknown, of another shape or no finite number."""
    missing, unknown = sorted(set(shapes) - set(tensors)), sorted(set(tensors) - set(shapes))
    if missing or unknown:
        said = [f"lacks {', '.join(missing[:3])}"] if missing else []
        said += [f"holds {', '.join(unknown[:3])}, which this network does not have"] if unknown else []
        raise ValueError(
            f"{path} {' and '.join(said)} ({len(missing)} missing, {len(unknown)} unknown): it is incomplete or of "
            f"another network, and what is missing would be untrained. {RESTORE}"
        )
    for name, shape in shapes.items():
        if tuple(tensors[name].shape) != shape:
            raise ValueError(f"{path} holds {name} of shape {tuple(tensors[name].shape)} where {shape} is wanted.")
        if not bool(tensors[name].isfinite().all()):
            raise ValueError(f"{path} holds numbers in {name} that are not finite: its training went wrong. {RESTORE}")
