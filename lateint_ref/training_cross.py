"""The cross-encoder in training: adapters on the layers that read query and passage together, and the head.

A fresh head on a joint encoding would have to learn from nothing what late interaction has from the start. So the head
begins with late interaction's score (see `encoders.cross.Judge`), and learns what reading together adds to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from lateint_ref.datasets import Dataset
from lateint_ref.encoders.cross import SPLIT, Judge, Reading, read_apart, read_together
from lateint_ref.training_loop import Examples, Recipe
from lateint_ref.training_model import Trunk, without_adapters


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
        new = sorted({tuple(ids) for ids in sequences} - self._readings.keys(), key=lambda ids: (len(ids), ids))
        with without_adapters(self.trunk.model):
            for start in range(0, len(new), 32):
                part = new[start : start + 32]
                readings = read_apart(self.trunk.model, [list(ids) for ids in part], self.trunk.tokenizer.pad_token_id)
                self._readings.update(zip(part, readings, strict=True))
        return [self._readings[tuple(ids)] for ids in sequences]

    def forward(self, queries: Sequence[list[int]], documents: Sequence[list[int]]) -> Tensor:
        """Score `n` pairs of token ids: float32 `(n,)`; about 1 before training."""
        return read_together(
            self.trunk.model.encoder.layer[SPLIT:], self.judge, self.read(queries), self.read(documents)
        )


def listwise_loss(scores: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of each query's candidates with the distribution that the labels make.

    Source: Cao et al., "Learning to Rank: From Pairwise Approach to Listwise Approach", ICML 2007, section 4.

    Args:
        scores: `(n_q, n)`, divided by the temperature.
        labels: `(n_q, n)`, not negative, with something above 0 in every row.
    """
    target = labels / labels.sum(dim=-1, keepdim=True)
    return -(target * functional.log_softmax(scores, dim=-1)).sum(dim=-1).mean()


def cross_loss(student: CrossStudent, examples: Examples, recipe: Recipe, bf16: bool) -> Callable[[int], Tensor]:
    """The cross-encoder's loss at a step: the labels among each query's own candidates.

    There is nothing to distil from late interaction: the head starts with its score.
    """

    def loss(step: int) -> Tensor:
        batch = examples.batch(step, recipe)
        queries, documents = [], []
        for example in batch:
            queries += student.tokens([example.query], recipe.query_tokens) * len(example.documents)
            documents += student.tokens(example.documents, recipe.document_tokens)
        with torch.autocast(student.judge.mark.device.type, dtype=torch.bfloat16, enabled=bf16):
            scores = student(queries, documents).view(len(batch), -1) / recipe.temperature
        labels = torch.tensor([example.labels for example in batch], device=scores.device)
        return listwise_loss(scores, labels)

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
