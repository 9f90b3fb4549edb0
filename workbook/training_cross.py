"""The cross-encoder in training: adapters on the layers that read query and passage together, and the head.

A fresh head on a joint encoding would have to learn from nothing what late interaction has from the start. So the score
begins with late interaction's (see `encoders.joint.Judge`), and what is learned is what reading together adds to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from lateint_ref.datasets import Dataset
from lateint_ref.encoders.joint import APART, SPLIT, Judge, Reading, pair_features, read_apart
from workbook.training_loop import Examples, Recipe
from workbook.training_losses import distillation_loss, listwise_loss
from workbook.training_model import Trunk, without_adapters

KEPT = 10_000  # texts whose states are kept: 0.25 MB each


class CrossStudent(nn.Module):  # type: ignore[misc]
    """The cross-encoder with its adapters beside the backbone.

    What the plain backbone makes of a text read apart does not change in training: it is kept, in memory.
    """

    def __init__(self, rank: int, alpha: float) -> None:
        super().__init__()
        self.trunk = Trunk(rank, alpha, SPLIT)
        self.judge = Judge()
        self._readings: dict[tuple[int, ...], Reading] = {}

    def tokens(self, texts: Sequence[str], limit: int) -> list[list[int]]:
        """Token ids of each text, `[CLS]` and `[SEP]` included, cut to `limit`."""
        found: list[list[int]] = self.trunk.tokenizer(list(texts), truncation=True, max_length=limit)["input_ids"]
        return found

    def read(self, sequences: Sequence[list[int]]) -> list[Reading]:
        """Each text read alone by the plain backbone."""
        if len(self._readings) > KEPT:
            self._readings.clear()
        new = sorted({tuple(ids) for ids in sequences} - self._readings.keys(), key=lambda ids: (len(ids), ids))
        with without_adapters(self.trunk.model):
            for start in range(0, len(new), 32):
                part = new[start : start + 32]
                readings = read_apart(self.trunk.model, [list(ids) for ids in part], self.trunk.tokenizer.pad_token_id)
                self._readings.update(zip(part, readings, strict=True))
        return [self._readings[tuple(ids)] for ids in sequences]

    def features(self, queries: Sequence[list[int]], documents: Sequence[list[int]]) -> Tensor:
        """The head's similarities of `n` pairs of token ids: float32 `(n, 6)`."""
        layers = self.trunk.model.encoder.layer[SPLIT:]
        return pair_features(layers, self.judge, self.read(queries), self.read(documents))

    def forward(self, queries: Sequence[list[int]], documents: Sequence[list[int]]) -> Tensor:
        """Score `n` pairs of token ids: float32 `(n,)`; about 1.6 before training."""
        scores: Tensor = self.judge(self.features(queries, documents))
        return scores


def cross_loss(student: CrossStudent, examples: Examples, recipe: Recipe, bf16: bool) -> Callable[[int], Tensor]:
    """The cross-encoder's loss at a step: the labels among each query's own candidates, and a distillation.

    The teacher is late interaction with the cosine, of the texts read apart; what is taught is the same score of the
    joint pass alone. Attention between two texts is new to the backbone and disturbs its vectors: this brings them
    back to what they are worth apart, while the labels teach what they can be worth beyond it.
    """
    apart = torch.tensor(APART)

    def loss(step: int) -> Tensor:
        batch = examples.batch(step, recipe)
        queries, documents = [], []
        for example in batch:
            queries += student.tokens([example.query], recipe.query_tokens) * len(example.documents)
            documents += student.tokens(example.documents, recipe.document_tokens)
        with torch.autocast(student.judge.mark.device.type, dtype=torch.bfloat16, enabled=bf16):
            features = student.features(queries, documents)
        scores = student.judge(features).view(len(batch), -1) / recipe.temperature
        labels = torch.tensor([example.labels for example in batch], device=scores.device)
        total = recipe.contrastive * listwise_loss(scores, labels)
        if recipe.distillation:
            weights = apart.to(features.device)
            teacher, joint = ((features[:, k : k + 2] @ weights).view(len(batch), -1) for k in (0, 2))
            kept = distillation_loss(joint / recipe.keep_temperature, teacher / recipe.keep_temperature)
            total = total + recipe.distillation * kept
        return total

    return loss


@torch.no_grad()  # type: ignore[untyped-decorator]
def cross_scores(
    student: CrossStudent, dataset: Dataset, candidates: dict[str, list[int]]
) -> dict[str, dict[int, float]]:
    """Scores of each query's candidates.

    Args:
        student: the model.
        dataset: queries and passages.
        candidates: query text to rows of passages.

    Returns:
        Query text to row to score.
    """
    found: dict[str, dict[int, float]] = {}
    for query, rows in candidates.items():
        documents = student.tokens([dataset.texts[row] for row in rows], 256)
        scores = student(student.tokens([query], 64) * len(rows), documents)
        found[query] = dict(zip(rows, scores.tolist(), strict=True))
    return found
