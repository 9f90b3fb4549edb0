"""What notebook 13 needs of training: the two losses, MaxSim with gradients, and the settings of two recipes.

The recipes trained the whole network, on pairs gathered from free documentation; `data/models/README.md` has the record
of what came of it. Nothing of it ships. To train a backbone of your own, use PyLate: its losses are these (a test
compares).
Sources: Khattab and Zaharia, "ColBERT", SIGIR 2020; Santhanam et al., "ColBERTv2", NAACL 2022, section 3.2 (hard
negatives and distillation: "denoised supervision"); Hu et al., "LoRA", ICLR 2022 (the adapters).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


def listwise_loss(scores: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of each query's candidates with the distribution that the labels make.

    Source: Cao et al., "Learning to Rank: From Pairwise Approach to Listwise Approach", ICML 2007, section 4.

    Args:
        scores: `(n_q, n)`, divided by the temperature.
        labels: `(n_q, n)`, not negative, with something above 0 in every row.
    """
    target = labels / labels.sum(dim=-1, keepdim=True)
    return -(target * functional.log_softmax(scores, dim=-1)).sum(dim=-1).mean()


def distillation_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Kullback-Leibler divergence of the student's distribution over candidates from the teacher's.

    Args:
        student: `(n_q, n)`, divided by the temperature.
        teacher: likewise.
    """
    return functional.kl_div(
        functional.log_softmax(student, dim=-1),
        functional.log_softmax(teacher, dim=-1),
        log_target=True,
        reduction="batchmean",
    )


def maxsim_matrix(queries: Tensor, query_mask: Tensor, documents: Tensor, document_mask: Tensor) -> Tensor:
    """MaxSim of every query with every document, differentiable.

    Args:
        queries: `(n_q, t_q, dim)`.
        query_mask: bool `(n_q, t_q)`: the vectors that count.
        documents: `(n_d, t_d, dim)`.
        document_mask: bool `(n_d, t_d)`.

    Returns:
        `(n_q, n_d)`.
    """
    similarity = torch.einsum("qid,njd->qnij", queries, documents)
    similarity = similarity.masked_fill(~document_mask[None, :, None, :], -1e4)
    best = similarity.amax(dim=-1)
    return (best * query_mask[:, None, :]).sum(dim=-1)


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


RECIPES = {
    "late": Recipe(steps=300, queries=32, negatives=8, block=6, document_tokens=180, temperature=0.03),
    "cross": Recipe(
        steps=600,
        queries=10,
        negatives=5,
        judged=0.6,
        rank=32,
        alpha=32.0,
        lr=4e-4,
        projection_lr=2e-3,
        first_layer=3,
        document_tokens=160,
        query_tokens=64,
    ),
}
