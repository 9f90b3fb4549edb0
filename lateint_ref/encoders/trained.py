"""Encoders that were trained for their job, on disk: what training changed, to be put into a copy of the backbone.

A folder holds `model.safetensors`, in half precision all layers and `OWN` beside them; the embeddings, half of the
backbone, stay as they are and are not stored. `trained.json` says which kind it is and holds the files' SHA-256,
`config.json` how a late encoder reads text. The recipes are in `data/training`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lateint_ref.encoders import backbone
from lateint_ref.encoders.backbone import RESTORE, check_digests, write_digests

if TYPE_CHECKING:
    from torch import Tensor

TrainedKind = Literal["late", "cross"]

WEIGHTS, SETTINGS, CONFIG = "model.safetensors", "trained.json", "config.json"
# What a checkpoint holds beside the layers, name and shape: the projection and the two markers' word vectors, or the
# two segments' vectors and the head.
OWN: dict[TrainedKind, dict[str, tuple[int, ...]]] = {
    "late": {"projection.weight": (128, backbone.DIM), "markers": (2, backbone.DIM)},
    "cross": {
        "embeddings.token_type_embeddings.weight": (2, backbone.DIM),
        "pooler.dense.weight": (backbone.DIM, backbone.DIM),
        "pooler.dense.bias": (backbone.DIM,),
        "classifier.weight": (1, backbone.DIM),
        "classifier.bias": (1,),
    },
}
_FILES: dict[TrainedKind, list[str]] = {"late": [WEIGHTS, CONFIG], "cross": [WEIGHTS]}


def trained_folder(kind: TrainedKind) -> Path:
    """The folder of a trained encoder, `models/late-trained` or `models/cross-trained` of the data folder."""
    return backbone.model_folder(f"{kind}-trained")


def read_trained(folder: Path, kind: TrainedKind) -> dict[str, Tensor]:
    """The tensors of a trained encoder, in float32, after every check.

    Those of the backbone's layers have their names in `transformers.BertModel`; the others are `OWN[kind]`.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is damaged, of the other kind, or of another network: a weight is missing, unknown, of
            another shape or no finite number.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    why = f"The trained {kind} encoder is read from it."
    found = check_digests(folder, SETTINGS, [WEIGHTS], why).get("kind")
    if found != kind:
        raise ValueError(f"{folder} holds a trained {found} encoder where a {kind} encoder is wanted.")
    check_digests(folder, SETTINGS, _FILES[kind][1:], why)
    try:
        tensors = {name: tensor.float() for name, tensor in load_file(folder / WEIGHTS).items()}
    except SafetensorError as error:
        raise ValueError(f"{folder / WEIGHTS} is no file of weights ({error}). {why} {RESTORE}") from error
    _check_tensors(tensors, kind, folder / WEIGHTS)
    return tensors


def write_trained(folder: Path, kind: TrainedKind, tensors: Mapping[str, Tensor], config: Any = None) -> None:
    """Write what `read_trained` reads, and its digests last: what was cut short does not fit them.

    Args:
        folder: made where it is missing.
        kind: `"late"` or `"cross"`.
        tensors: as `read_trained` returns them, and refused where it would.
        config: how a late encoder reads text, a `LateConfig`; None for a cross-encoder.
    """
    from safetensors.torch import save_file

    half = {name: tensor.detach().cpu().half().contiguous() for name, tensor in sorted(tensors.items())}
    _check_tensors({name: tensor.float() for name, tensor in half.items()}, kind, folder / WEIGHTS)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(half, folder / WEIGHTS)
    (folder / WEIGHTS).chmod(0o644)
    if config is not None:
        config.save(folder / CONFIG)
    write_digests(folder, SETTINGS, _FILES[kind], kind=kind)


def trained_network(tensors: Mapping[str, Tensor]) -> Any:
    """A copy of the backbone with trained layers, what `read_trained` returned: the shared one stays as it is."""
    shared, _ = backbone.load_backbone()
    model = copy.deepcopy(shared)
    model.load_state_dict({name: found for name, found in tensors.items() if name.startswith("encoder.")}, strict=False)
    return model.eval().requires_grad_(False)


def _check_tensors(tensors: Mapping[str, Tensor], kind: TrainedKind, path: Path) -> None:
    model, _ = backbone.load_backbone()
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items() if name.startswith("encoder.")}
    wanted |= OWN[kind]
    missing, unknown = sorted(set(wanted) - set(tensors)), sorted(set(tensors) - set(wanted))
    if missing or unknown:
        said = [f"lacks {', '.join(missing[:3])}"] if missing else []
        said += [f"holds {', '.join(unknown[:3])}, which this network does not have"] if unknown else []
        raise ValueError(
            f"{path} {' and '.join(said)} ({len(missing)} missing, {len(unknown)} unknown): it is incomplete, or of "
            f"another network than {backbone.NAME}, and what is missing would be untrained. {RESTORE}"
        )
    for name, shape in wanted.items():
        if tuple(tensors[name].shape) != shape:
            raise ValueError(f"{path} holds {name} of shape {tuple(tensors[name].shape)} where {shape} is wanted.")
        if not bool(tensors[name].isfinite().all()):
            raise ValueError(f"{path} holds numbers in {name} that are not finite: its training went wrong. {RESTORE}")
