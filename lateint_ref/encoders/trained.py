"""Trained weights on disk: read and checked, and merged into the backbone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lateint_ref.encoders.backbone import sha256_of

WEIGHTS, SETTINGS = "model.safetensors", "training.json"


def read(folder: Path, kind: str | None = None) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Settings and tensors of a trained model, checked against their digest.

    Args:
        folder: holds `model.safetensors` and `training.json`.
        kind: `"late"` or `"cross"`, where it must be that.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: `training.json` is not what `training_export.export` writes, `model.safetensors` was changed, or it
            is of another kind.
    """
    for name in (WEIGHTS, SETTINGS):
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"{folder / name} is missing. Restore it (git checkout), or train it: python -m workbook.training"
            )
    try:
        settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        expected, found_kind = settings["sha256"], settings["kind"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{folder / SETTINGS} is damaged ({error}): restore it.") from error
    if kind is not None and found_kind != kind:
        raise ValueError(f"{folder} holds a trained {found_kind} encoder where a {kind} encoder is wanted.")
    found = sha256_of(folder / WEIGHTS)
    if found != expected:
        raise ValueError(
            f"{folder / WEIGHTS} is damaged: its SHA-256 is {found}, {SETTINGS} says {expected}. Restore it."
        )
    from safetensors.torch import load_file

    return settings, load_file(str(folder / WEIGHTS))


def merge(model: Any, state: dict[str, Tensor], alpha: float) -> Any:
    """Add trained updates to a plain backbone's weights in place, and return it.

    Args:
        model: a `BertModel` without adapters, not the shared one.
        state: what `training_model.adapter_state` returned.
        alpha: as in training.

    Raises:
        ValueError: `state` names a layer that the model lacks, or is of another shape.
    """
    layers = dict(model.named_modules())
    with torch.no_grad():
        for name in sorted(key.removesuffix(".down") for key in state if key.endswith(".down")):
            down, up = state[f"{name}.down"], state.get(f"{name}.up")
            if name not in layers or up is None:
                raise ValueError(f"the adapters' layer {name} is not in the backbone, or only half of it was saved.")
            weight = layers[name].weight
            if weight.shape != (up.shape[0], down.shape[1]) or up.shape[1] != down.shape[0]:
                raise ValueError(f"the adapters of {name} do not fit its weight of shape {tuple(weight.shape)}.")
            weight += (alpha / down.shape[0]) * up.float() @ down.float()
    return model
