"""Reading two texts apart below and together above, and the head that scores them: the inside of the cross-encoder.

The lower three layers read query and passage apart; the upper three read them as one sequence, so that every token of
one attends to every token of the other. Sources: Nogueira and Cho, "Passage Re-ranking with BERT", 2019 (one sequence,
one score); MacAvaney et al., "Efficient Document Re-Ranking for Transformers by Precomputing Term Representations"
(PreTTR), SIGIR 2020 (apart below, together above).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lateint_ref.encoders import backbone

SPLIT = 3  # layers below it read apart, layers from it on together
FEATURES = ("late_apart", "cosine_apart", "late", "cosine", "back", "worst")
APART = (1.0, 0.35)  # weights of the first two, chosen on the handbook's dev split


@dataclass(frozen=True)
class Reading:
    """A text read alone.

    Attributes:
        lower: states after the lower layers, `(tokens, 384)`.
        unit: token vectors of the last layer, at unit length, `(tokens, 384)`.
        mean: their mean before that, at unit length, `(384,)`: the bi-encoder's vector.
    """

    lower: Tensor
    unit: Tensor
    mean: Tensor


class Judge(nn.Module):  # type: ignore[misc]
    """The scoring head: late interaction's score of the texts read apart, and four similarities of the joint pass.

    MaxSim and cosine of the two texts read apart are what late interaction and the bi-encoder go by; their weights are
    fixed. What reading together adds is learned: MaxSim and cosine again, MaxSim of the passage's tokens over the
    query's, and the worst match of a query token.

    Attributes:
        mark: added to the query's states before the joint layers: tells its tokens from the passage's, `(384,)`.
        joint: weights of the four similarities of the joint pass.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mark = nn.Parameter(torch.zeros(backbone.DIM))
        self.joint = nn.Parameter(torch.tensor([0.3, 0.1, 0.0, 0.0]))

    def weights(self) -> Tensor:
        """The weights of `FEATURES`, `(6,)`."""
        return torch.cat([torch.tensor(APART, device=self.joint.device), self.joint])

    def features(self, apart: Tensor, query: Tensor, query_mask: Tensor, document: Tensor, mask: Tensor) -> Tensor:
        """The six similarities of each pair, in the order of `FEATURES`: float32 `(n, 6)`.

        Args:
            apart: MaxSim per query token, and cosine, of the texts read apart: `(n, 2)`.
            query: the query's part of the joint pass, `(n, t_q, 384)`; its first token is `[CLS]`.
            query_mask: bool `(n, t_q)`: which tokens are there.
            document: the passage's part, `(n, t_d, 384)`.
            mask: bool `(n, t_d)`.
        """
        q, d = functional.normalize(query, dim=-1), functional.normalize(document, dim=-1)
        similarity = q @ d.transpose(1, 2)
        best = similarity.masked_fill(~mask[:, None, :], -1.0).amax(dim=2)
        back = similarity.masked_fill(~query_mask[:, :, None], -1.0).amax(dim=1)
        return torch.stack(
            [
                apart[:, 0],
                apart[:, 1],
                _mean(best, query_mask),
                functional.cosine_similarity(_mean(query, query_mask), _mean(document, mask), dim=-1),
                _mean(back, mask),
                best.masked_fill(~query_mask, 9.0).amin(dim=1),
            ],
            dim=-1,
        )

    def forward(self, features: Tensor) -> Tensor:
        """Score pairs by their features `(n, 6)`: float32 `(n,)`."""
        return features @ self.weights()


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the tokens that are there: `(n, t)` or `(n, t, dim)`."""
    weights = mask.to(values.dtype)
    if values.dim() == 3:
        weights = weights[:, :, None]
    return (values * weights).sum(dim=1) / weights.sum(dim=1)


def padded(states: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """`(n, longest, 384)`, zero where a text has ended, and which tokens are there, bool `(n, longest)`."""
    stacked = nn.utils.rnn.pad_sequence(list(states), batch_first=True)
    mask = torch.zeros(stacked.shape[:2], dtype=torch.bool, device=stacked.device)
    for row, state in enumerate(states):
        mask[row, : len(state)] = True
    return stacked, mask


def attended(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """The mask that attention adds: 0 for tokens that are there, minus infinity for padding, `(n, 1, 1, longest)`."""
    return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill(~mask, float("-inf"))[:, None, None]


def compare_apart(queries: Sequence[Reading], documents: Sequence[Reading]) -> Tensor:
    """MaxSim per query token, and cosine, of each pair read apart: `(n, 2)`."""
    rows = [
        torch.stack([(q.unit @ d.unit.T).amax(dim=1).mean(), q.mean @ d.mean])
        for q, d in zip(queries, documents, strict=True)
    ]
    return torch.stack(rows)


def read_apart(model: Any, sequences: Sequence[list[int]], pad_id: int) -> list[Reading]:
    """Read each text alone, with the plain backbone.

    Args:
        model: a `transformers.BertModel` in eval mode.
        sequences: token ids, special tokens included.
        pad_id: id that fills up.
    """
    device = model.embeddings.word_embeddings.weight.device
    longest = max(len(ids) for ids in sequences)
    input_ids = torch.full((len(sequences), longest), pad_id)
    mask = torch.zeros((len(sequences), longest), dtype=torch.bool)
    for row, ids in enumerate(sequences):
        input_ids[row, : len(ids)] = torch.tensor(ids)
        mask[row, : len(ids)] = True
    with torch.no_grad():
        lower = model.embeddings(input_ids=input_ids.to(device))
        shown = attended(mask.to(device), lower.dtype)
        for layer in model.encoder.layer[:SPLIT]:
            lower = layer(lower, shown)
        upper = lower
        for layer in model.encoder.layer[SPLIT:]:
            upper = layer(upper, shown)
    readings = []
    for row, ids in enumerate(sequences):
        states = upper[row, : len(ids)].float()
        mean = functional.normalize(states.mean(dim=0), dim=-1)
        readings.append(Reading(lower[row, : len(ids)].clone(), functional.normalize(states, dim=-1), mean))
    return readings


def read_together(
    layers: Any, judge: Judge, queries: Sequence[Reading], documents: Sequence[Reading]
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """States of both texts side by side through `layers`: what the head takes.

    Args:
        layers: the joint layers, each called with states and the mask to add.
        judge: the head; its `mark` is added to the query's states.
        queries: `n` queries read apart.
        documents: `n` passages read apart.

    Returns:
        The five arguments of `Judge.features`.
    """
    q, q_mask = padded([reading.lower for reading in queries])
    d, d_mask = padded([reading.lower for reading in documents])
    mask = torch.cat([q_mask, d_mask], dim=1)
    hidden = torch.cat([q + judge.mark, d], dim=1)
    device = hidden.device.type
    shown = attended(mask, torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype)
    for layer in layers:
        hidden = layer(hidden, shown)
    width = q.shape[1]
    return compare_apart(queries, documents), hidden[:, :width].float(), q_mask, hidden[:, width:].float(), d_mask


def pair_features(layers: Any, judge: Judge, queries: Sequence[Reading], documents: Sequence[Reading]) -> Tensor:
    """The similarities of pairs, float32 `(n, 6)`, in the order of `FEATURES`. Arguments as `read_together`."""
    read = read_together(layers, judge, queries, documents)
    with torch.autocast(read[1].device.type, enabled=False):
        return judge.features(*read)
