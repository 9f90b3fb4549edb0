"""What is kept of a run: adapters, projection or head as safetensors, the recipe, and a card."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

import torch

from lateint_ref.encoders.backbone import NAME, sha256_of
from lateint_ref.encoders.late import LateConfig
from lateint_ref.encoders.trained import SETTINGS, WEIGHTS, read
from workbook.training_cross import CrossStudent
from workbook.training_loop import Recipe
from workbook.training_model import LateStudent, adapter_state, adapters


def export(student: LateStudent | CrossStudent, recipe: Recipe, folder: Path, card: str) -> None:
    """Write `model.safetensors`, `training.json` (kind, recipe, digest), a card, and a late encoder's `config.json`.

    Args:
        student: after training.
        recipe: how it was trained.
        folder: made where it is not there.
        card: the text of the card: data, counts, time, quality, licence.
    """
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"adapters.{name}": value for name, value in adapter_state(student.trunk.model).items()}
    if isinstance(student, LateStudent):
        tensors["projection"] = student.projection.weight.detach().float().cpu().clone()
        student.reader.config.save(folder / "config.json")
    else:
        for name, value in student.judge.named_parameters():
            tensors[f"judge.{name}"] = value.detach().float().cpu().clone()
    partial = folder / f".{WEIGHTS}.{os.getpid()}.partial"
    save_file({name: value.contiguous() for name, value in tensors.items()}, str(partial))
    partial.chmod(0o644)
    digest = sha256_of(partial)
    partial.replace(folder / WEIGHTS)
    kind = "late" if isinstance(student, LateStudent) else "cross"
    settings = {"kind": kind, "backbone": NAME, "sha256": digest, "recipe": asdict(recipe)}
    (folder / SETTINGS).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(card, encoding="utf-8")


def load(folder: Path) -> LateStudent | CrossStudent:
    """The model that `export` wrote, with its adapters apart from the backbone, in eval mode.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is damaged, or does not fit the backbone.
    """
    settings, tensors = read(folder)
    recipe = Recipe(**settings["recipe"])
    student: LateStudent | CrossStudent
    if settings["kind"] == "late":
        config = LateConfig.load(folder / "config.json")
        student = LateStudent(config, tensors["projection"], recipe.rank, recipe.alpha, recipe.first_layer)
    else:
        student = CrossStudent(recipe.rank, recipe.alpha)
    with torch.no_grad():
        for name, layer in adapters(student.trunk.model).items():
            layer.down.copy_(tensors[f"adapters.{name}.down"])
            layer.up.copy_(tensors[f"adapters.{name}.up"])
        if isinstance(student, CrossStudent):
            for name, value in student.judge.named_parameters():
                value.copy_(tensors[f"judge.{name}"])
    student.eval()
    return student
