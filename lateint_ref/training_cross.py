"""The cross-encoder in training: query and passage read together, scored by MaxSim within that joint pass.

A fresh head on a joint encoding would have to learn from nothing what late interaction has from the start. So the score
begins as late interaction's: MaxSim between the query's and the passage's tokens, which have now seen each other,
with the cosine of their means, put together by a small head.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from lateint_ref.datasets import Dataset
from lateint_ref.encoders import backbone
from lateint_ref.training_loop import Examples, Recipe
from lateint_ref.training_model import Trunk

FEATURES = 3


class CrossStudent(nn.Module):  # type: ignore[misc]
    """Adapters on the backbone; a head that weighs MaxSim both ways and the cosine, and reads the `[CLS]` vector."""

    def __init__(self, rank: int, alpha: float, first_layer: int = 0) -> None:
        super().__init__()
        self.trunk = Trunk(rank, alpha, first_layer)
        self.head = nn.Linear(FEATURES, 1, bias=False)
        self.head_cls = nn.Linear(backbone.DIM, 1)
        with torch.no_grad():
            self.head.weight.copy_(torch.tensor([[0.5, 0.25, 0.25]]))
            self.head_cls.weight.zero_()
            self.head_cls.bias.zero_()

    def tokens(self, query: str, document: str, query_limit: int, limit: int) -> tuple[list[int], int]:
        """`[CLS] query [SEP] passage [SEP]`, and how many tokens the first part with its `[SEP]` has."""
        tokenizer = self.trunk.tokenizer
        first = tokenizer(query, truncation=True, max_length=query_limit)["input_ids"]
        second = tokenizer(document, truncation=True, max_length=limit, add_special_tokens=True)["input_ids"][1:]
        return [*first, *second], len(first)

    def forward(self, pairs: Sequence[tuple[list[int], int]]) -> Tensor:
        """Score pairs.

        Args:
            pairs: `n` results of `tokens`.

        Returns:
            float32 `(n,)`; a MaxSim per query token, so about 0 to 1 before training.
        """
        hidden, mask = self.trunk.lower([ids for ids, _ in pairs], self.head.weight.device)
        hidden = self.trunk.upper(hidden, mask).float()
        lengths = torch.tensor([len(ids) for ids, _ in pairs], device=hidden.device)[:, None]
        border = torch.tensor([size for _, size in pairs], device=hidden.device)[:, None]
        place = torch.arange(hidden.shape[1], device=hidden.device)[None]
        query, document = place < border, (place >= border) & (place < lengths)
        unit = functional.normalize(hidden, dim=-1)
        similarity = unit @ unit.transpose(1, 2)
        forth = similarity.masked_fill(~document[:, None, :], -1.0).amax(dim=-1)
        back = similarity.masked_fill(~query[:, None, :], -1.0).amax(dim=-1)
        features = torch.stack(
            [
                (forth * query).sum(dim=-1) / query.sum(dim=-1),
                (back * document).sum(dim=-1) / document.sum(dim=-1),
                functional.cosine_similarity(_mean(hidden, query), _mean(hidden, document), dim=-1),
            ],
            dim=-1,
        )
        with torch.autocast(hidden.device.type, enabled=False):
            return (self.head(features) + 0.1 * self.head_cls(hidden[:, 0]))[:, 0]


def _mean(hidden: Tensor, mask: Tensor) -> Tensor:
    return (hidden * mask[:, :, None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)


def cross_loss(student: CrossStudent, examples: Examples, recipe: Recipe, bf16: bool) -> Callable[[int], Tensor]:
    """The cross-encoder's loss at a step: labels among a query's own candidates, and distillation.

    The teacher is the bi-encoder's cosine, stored with the mined candidates. Its weight falls linearly to nothing over
    the steps, and that of the labels rises: first what the backbone knows, then what the labels say.
    """

    def loss(step: int) -> Tensor:
        batch = examples.batch(step, recipe)
        pairs = [
            student.tokens(example.query, document, recipe.query_tokens, recipe.document_tokens)
            for example in batch
            for document in example.documents
        ]
        with torch.autocast(student.head.weight.device.type, dtype=torch.bfloat16, enabled=bf16):
            scores = student(pairs).view(len(batch), -1) / recipe.temperature
        teacher = torch.tensor([example.scores for example in batch], device=scores.device) / recipe.temperature
        labels = torch.zeros(len(batch), dtype=torch.long, device=scores.device)
        part = step / recipe.steps
        kept = functional.kl_div(
            functional.log_softmax(scores, dim=-1),
            functional.log_softmax(teacher, dim=-1),
            log_target=True,
            reduction="batchmean",
        )
        value: Tensor = recipe.contrastive * part * functional.cross_entropy(scores, labels)
        return value + recipe.distillation * (1 - part) * kept

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
        pairs = [student.tokens(query, dataset.texts[row], 64, 256) for row in rows]
        found[query] = dict(zip(rows, student(pairs).tolist(), strict=True))
    return found
