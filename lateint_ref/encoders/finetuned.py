"""The encoders that were trained for their job, on disk: read, checked, and put into a copy of the backbone.

A folder holds `model.safetensors`, in half precision what training changed: all layers, and beside them the projection
and the two markers' word vectors (late), or the head and the two segments' vectors (cross). The embeddings, half of the
backbone, stay as they are and are not stored. `trained.json` says which kind it is and holds the files' SHA-256;
`config.json` (late) how text is read. The recipes are in `data/training`.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lateint_ref.encoders import backbone
from lateint_ref.encoders._weights import RESTORE, check_digests, write_digests

if TYPE_CHECKING:
    from torch import Tensor

    from lateint_ref.encoders.cross_trained import TrainedCross
    from lateint_ref.encoders.late import LateConfig, LateEncoder

TrainedKind = Literal["late", "cross"]

WEIGHTS, SETTINGS, CONFIG = "model.safetensors", "trained.json", "config.json"
# What a checkpoint holds beside the layers: name and shape.
OWN: dict[str, dict[str, tuple[int, ...]]] = {
    "late": {"projection.weight": (128, backbone.DIM), "markers": (2, backbone.DIM)},
    "cross": {
        "embeddings.token_type_embeddings.weight": (2, backbone.DIM),
        "pooler.dense.weight": (backbone.DIM, backbone.DIM),
        "pooler.dense.bias": (backbone.DIM,),
        "classifier.weight": (1, backbone.DIM),
        "classifier.bias": (1,),
    },
}


def trained_folder(kind: TrainedKind) -> Path:
    """The folder of a trained encoder, `models/late-trained` or `models/cross-trained` of the data folder."""
    from lateint_ref.datasets import data_folder

    return data_folder() / "models" / f"{kind}-trained"


def load_trained_late(folder: Path | None = None, dim: Any = 128) -> LateEncoder:
    """The late encoder that was trained for MaxSim.

    Args:
        folder: what `write_trained` wrote; by default the bundled one.
        dim: from 1 to 128: the leading dimensions, scaled to unit length again.

    Raises:
        TypeError, ValueError: `dim` is not such a number.
        FileNotFoundError, ValueError: as `read_trained`, or `config.json` is not a late encoder's.
    """
    from lateint_ref._checks import positive_int
    from lateint_ref.encoders.late import LateConfig, LateEncoder

    source = trained_folder("late") if folder is None else folder
    most = OWN["late"]["projection.weight"][0]
    if positive_int(dim, "dim") > most:
        raise ValueError(f"dim must be from 1 to {most} for the trained late encoder, got {dim}.")
    tensors = read_trained(source, "late")
    config = LateConfig.load(source / CONFIG)
    model = _network(tensors)
    _, tokenizer = backbone.load_backbone()
    rows = [tokenizer.convert_tokens_to_ids(marker) for marker in (config.query_marker, config.document_marker)]
    model.embeddings.word_embeddings.weight[rows] = tensors["markers"]
    projection = tensors["projection.weight"][:dim].numpy().copy()
    return LateEncoder(projection, config, model, f"{backbone.NAME} trained for MaxSim, {dim} dimensions")


def load_trained_cross(folder: Path | None = None) -> TrainedCross:
    """The cross-encoder that was trained to score pairs.

    Args:
        folder: what `write_trained` wrote; by default the bundled one.

    Raises:
        FileNotFoundError, ValueError: as `read_trained`.
    """
    from lateint_ref.encoders.cross_trained import TrainedCross

    tensors = read_trained(trained_folder("cross") if folder is None else folder, "cross")
    model = _network(tensors)
    model.embeddings.token_type_embeddings.weight.copy_(tensors["embeddings.token_type_embeddings.weight"])
    return TrainedCross(model, {name: tensors[name] for name in OWN["cross"] if not name.startswith("embeddings")})


def read_trained(folder: Path, kind: TrainedKind) -> dict[str, Tensor]:
    """The tensors of a trained encoder, in float32, after every check.

    Args:
        folder: what `write_trained` wrote.
        kind: `"late"` or `"cross"`.

    Returns:
        The backbone's layers by their names in `transformers.BertModel`, and those of `OWN[kind]`.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is damaged, of the other kind, or of another network: a weight is missing, unknown, of
            another shape or no finite number.
    """
    why = f"The trained {kind} encoder is read from it."
    path = folder / SETTINGS
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing. {why} {RESTORE}")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["kind"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({type(error).__name__}: {error}). {why} {RESTORE}") from error
    if found != kind:
        raise ValueError(f"{folder} holds a trained {found} encoder where a {kind} encoder is wanted.")
    check_digests(folder, SETTINGS, _files(kind), why)
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = {name: tensor.float() for name, tensor in load_file(folder / WEIGHTS).items()}
    except SafetensorError as error:
        raise ValueError(f"{folder / WEIGHTS} is no file of weights ({error}). {why} {RESTORE}") from error
    _check_tensors(tensors, kind, folder / WEIGHTS)
    return tensors


def write_trained(folder: Path, kind: TrainedKind, tensors: Mapping[str, Tensor], config: LateConfig | None) -> None:
    """Write a trained encoder in half precision, and its digests last: what was cut short does not fit them.

    Args:
        folder: made where it is missing.
        kind: `"late"` or `"cross"`.
        tensors: as `read_trained` returns them.
        config: how a late encoder reads text; None for a cross-encoder.

    Raises:
        ValueError: a weight is missing, unknown, of another shape or no finite number.
    """
    from safetensors.torch import save_file

    half = {name: tensor.detach().cpu().half().contiguous() for name, tensor in sorted(tensors.items())}
    _check_tensors({name: tensor.float() for name, tensor in half.items()}, kind, folder / WEIGHTS)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(half, folder / WEIGHTS)
    (folder / WEIGHTS).chmod(0o644)
    if config is not None:
        config.save(folder / CONFIG)
    write_digests(folder, SETTINGS, _files(kind))
    settings = {"kind": kind, **json.loads((folder / SETTINGS).read_text(encoding="utf-8"))}
    (folder / SETTINGS).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def _files(kind: TrainedKind) -> list[str]:
    return [WEIGHTS, CONFIG] if kind == "late" else [WEIGHTS]


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


def _network(tensors: Mapping[str, Tensor]) -> Any:
    """A copy of the backbone with the trained layers: the shared one stays as it is."""
    shared, _ = backbone.load_backbone()
    model = copy.deepcopy(shared)
    layers = {name: tensor for name, tensor in tensors.items() if name.startswith("encoder.")}
    model.load_state_dict(layers, strict=False)
    return model.eval().requires_grad_(False)
