"""The two losses of both recipes: labels among candidates, and distillation."""

from __future__ import annotations

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
