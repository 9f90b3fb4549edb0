"""The loop that both recipes share: batches by number, AdamW, checkpoints, and going on after an interruption."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

from workbook.training_data import read_lines


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a run produces, with the data and the versions of the libraries.

    Attributes:
        steps: optimiser steps.
        queries: queries a step.
        negatives: hard negatives a query.
        lr: highest learning rate of the adapters; it rises over a tenth of the steps and falls to nothing.
        projection_lr: likewise, of the projection and the head.
        rank: of the adapters.
        alpha: their scale is alpha / rank.
        first_layer: the first of the six layers that is adapted.
        temperature: MaxSim, as a mean over the query's vectors, is divided by it before the softmax.
        keep_temperature: the same for distillation from the untrained encoder.
        contrastive: weight of the contrastive loss.
        distillation: weight of the distillation loss (KL).
        bi_weight: of the bi-encoder's cosine in the teacher's score; the rest is zero-shot late interaction's.
        margin: a mined negative that the bi-encoder ranks above the positive by more is left out: it may well be right.
        judged: share of each batch that comes from judged questions; the rest are mined pairs.
        block: neighbouring questions of a family that are served together: they share their candidates, which the late
            encoder then encodes once.
        query_tokens, document_tokens: longer texts are cut, in training only.
        seed: of the order of examples and the first values.
    """

    steps: int = 1200
    queries: int = 16
    negatives: int = 3
    lr: float = 3e-4
    projection_lr: float = 3e-4
    rank: int = 16
    alpha: float = 16.0
    first_layer: int = 0
    temperature: float = 0.05
    keep_temperature: float = 0.05
    contrastive: float = 1.0
    distillation: float = 1.0
    bi_weight: float = 0.2
    margin: float = 0.05
    judged: float = 0.75
    block: int = 1
    query_tokens: int = 40
    document_tokens: int = 144
    seed: int = 0


@dataclass(frozen=True)
class Example:
    """A query with its candidates, the positive first.

    Attributes:
        query: its text.
        documents: the candidates' texts.
        scores: the bi-encoder's cosine of each.
        labels: how right each is: 1 for the answer, 0.2 for what partly answers, 0 for what does not.
        kind: of pair or question.
        judged: somebody read the candidates; else all but the positive are taken to be wrong.
    """

    query: str
    documents: list[str]
    scores: list[float]
    labels: list[float]
    kind: str
    judged: bool


class Examples:
    """The mined pairs, served by step: any step's batch can be had without the ones before."""

    def __init__(self, folder: Path, split: str = "train", kinds: Sequence[str] | None = None) -> None:
        """Read what `training_data` wrote.

        Args:
            folder: `build/training`.
            split: `"train"` or `"valid"`.
            kinds: only these kinds of pairs; by default all.

        Raises:
            FileNotFoundError, ValueError: a file is missing or damaged.
        """
        texts = {record["document_id"]: record["document"] for record in read_lines(folder / "documents.jsonl")}
        queries = {record["query_id"]: record for record in read_lines(folder / "queries.jsonl")}
        self._judged: list[Example] = []
        self._mined: list[Example] = []
        for record in read_lines(folder / f"{split}.jsonl"):
            query = queries[record["query_id"]]
            if kinds is None or query["kind"] in kinds:
                documents = [texts[name] for name in record["document_ids"]]
                judged = "labels" in record
                labels = record["labels"] if judged else [1.0] + [0.0] * (len(documents) - 1)
                example = Example(query["query"], documents, record["scores"], labels, query["kind"], judged)
                (self._judged if judged else self._mined).append(example)
        if not len(self):
            raise ValueError(f"{folder / f'{split}.jsonl'} holds no examples.")

    def __len__(self) -> int:
        return len(self._judged) + len(self._mined)

    def batch(self, step: int, recipe: Recipe) -> list[Example]:
        """The examples of one step, each with its positive and `recipe.negatives` others of its candidates.

        Every pass over the data has its own order. An example with too few candidates borrows other examples'
        positives.
        """
        judged = round(recipe.queries * recipe.judged) if self._mined else recipe.queries
        judged = judged if self._judged else 0
        return [
            *self._served(self._judged, step, judged, recipe.block, recipe),
            *self._served(self._mined, step, recipe.queries - judged, 1, recipe),
        ]

    def _served(
        self, examples: Sequence[Example], step: int, count: int, block: int, recipe: Recipe
    ) -> Iterator[Example]:
        blocks = math.ceil(len(examples) / block)
        for place in range(step * count, (step + 1) * count):
            turn, offset = divmod(place // block, max(1, blocks))
            order = np.random.default_rng([recipe.seed, turn]).permutation(blocks)
            row = int(order[offset]) * block + place % block
            yield self._sampled(examples[row % len(examples)], examples, place, recipe)

    def _sampled(self, example: Example, pool: Sequence[Example], place: int, recipe: Recipe) -> Example:
        rng = np.random.default_rng([recipe.seed, 1, place])
        limit = math.inf if example.judged else example.scores[0] + recipe.margin
        usable = [row for row in range(1, len(example.documents)) if example.scores[row] <= limit]
        rows = [0, *rng.permutation(usable)[: recipe.negatives].astype(int).tolist()]
        documents = [example.documents[row] for row in rows]
        scores, labels = [example.scores[row] for row in rows], [example.labels[row] for row in rows]
        while len(documents) <= recipe.negatives:
            other = pool[int(rng.integers(len(pool)))].documents[0]
            if other not in documents:
                documents.append(other)
                scores.append(0.0)
                labels.append(0.0)
        return replace(example, documents=documents, scores=scores, labels=labels)


def train(
    model: Any,
    loss: Callable[[int], torch.Tensor],
    recipe: Recipe,
    folder: Path,
    checkpoint_every: int = 100,
    check: Callable[[int], str] | None = None,
    check_every: int = 0,
    stop_after: int | None = None,
) -> list[float]:
    """Train what is trainable of `model`, going on from the checkpoint in `folder` where there is one.

    Nothing random happens but by step number, so an interrupted run ends with the weights of one that was not.

    Args:
        model: a module; parameters named `projection` or `judge` take `recipe.projection_lr`.
        loss: from a step's number to its loss.
        recipe: steps, rates, seed.
        folder: of `checkpoint.safetensors`, written every `checkpoint_every` steps, and `losses.jsonl`.
        checkpoint_every: steps between checkpoints.
        check: called with the step every `check_every` steps; its text is printed (validation).
        check_every: 0 for never.
        stop_after: stop at that step as if interrupted (for tests).

    Returns:
        The loss of every step of this run.

    Raises:
        ValueError: the checkpoint is damaged, or belongs to another recipe.
        FloatingPointError: a loss that is no number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    fast = [parameter for name, parameter in named if "projection" in name or "judge" in name]
    slow = [parameter for name, parameter in named if "projection" not in name and "judge" not in name]
    groups = [{"params": slow, "base": recipe.lr}, {"params": fast, "base": recipe.projection_lr}]
    optimiser = torch.optim.AdamW([group for group in groups if group["params"]], lr=recipe.lr, weight_decay=0.01)
    start = _resume(folder, recipe, named, optimiser)
    losses = []
    bar = tqdm(range(start, recipe.steps), initial=start, total=recipe.steps, desc="training", unit="step")
    for step in bar:
        for group in optimiser.param_groups:
            group["lr"] = group["base"] * _schedule(step, recipe.steps)
        value = loss(step)
        if not math.isfinite(value.item()):
            raise FloatingPointError(f"the loss is {value.item()} at step {step}: lower the learning rate.")
        optimiser.zero_grad()
        value.backward()  # type: ignore[no-untyped-call,unused-ignore]
        torch.nn.utils.clip_grad_norm_([parameter for _, parameter in named], 1.0)
        optimiser.step()
        losses.append(value.item())
        bar.set_postfix(loss=f"{np.mean(losses[-50:]):.3f}", refresh=False)
        done = step + 1
        if check is not None and check_every and done % check_every == 0:
            tqdm.write(f"step {done}: loss {np.mean(losses[-check_every:]):.3f}, {check(done)}")
        if done % checkpoint_every == 0 or done == recipe.steps:
            _save(folder, recipe, done, named, optimiser)
        if done == stop_after:
            break
    return losses


def _schedule(step: int, steps: int) -> float:
    """Linear up over a tenth of the steps, then a half cosine down."""
    warm = max(1, steps // 10)
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def _save(folder: Path, recipe: Recipe, done: int, named: list[tuple[str, Any]], optimiser: Any) -> None:
    """Write weights, the optimiser's moments and the step in one file, whole or not at all."""
    from safetensors.torch import save_file

    tensors = {}
    for name, parameter in named:
        tensors[f"weight.{name}"] = parameter.detach().cpu().contiguous()
        for key, value in optimiser.state[parameter].items():
            tensors[f"{key}.{name}"] = torch.as_tensor(value).detach().cpu().contiguous()
    partial = folder / f".checkpoint.{os.getpid()}.partial"
    save_file(tensors, str(partial), metadata={"step": str(done), "recipe": json.dumps(asdict(recipe))})
    partial.replace(folder / "checkpoint.safetensors")


def _resume(folder: Path, recipe: Recipe, named: list[tuple[str, Any]], optimiser: Any) -> int:
    """Load the checkpoint into parameters and optimiser; the step to go on with, 0 where there is none."""
    path = folder / "checkpoint.safetensors"
    if not path.is_file():
        return 0
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata()
            names = file.keys()
            tensors = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is damaged ({error}): delete it to start again.") from error
    if json.loads(metadata["recipe"]) != asdict(recipe):
        raise ValueError(f"{path} was written under another recipe: delete it, or give another folder.")
    with torch.no_grad():
        for name, parameter in named:
            parameter.copy_(tensors[f"weight.{name}"])
            optimiser.state[parameter] = {
                "step": tensors[f"step.{name}"],
                "exp_avg": tensors[f"exp_avg.{name}"].to(parameter.device),
                "exp_avg_sq": tensors[f"exp_avg_sq.{name}"].to(parameter.device),
            }
    return int(metadata["step"])
