"""The cross-encoder: query and passage read together, one score a pair.

The lower three layers read query and passage apart; the upper three read them as one sequence, so that every token
of one attends to every token of the other. What the lower layers make of a passage does not depend on the query and is
kept. Sources: Nogueira and Cho, "Passage Re-ranking with BERT", 2019 (one sequence, one score); MacAvaney et al.,
"Efficient Document Re-Ranking for Transformers by Precomputing Term Representations" (PreTTR), SIGIR 2020 (apart
below, together above).
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lateint_ref._checks import Float32Array
from lateint_ref.encoders import backbone
from lateint_ref.encoders._texts import batches, check_text, check_texts

SPLIT = 3  # layers below it read apart, layers from it on together
FEATURES = ("late_apart", "cosine_apart", "late", "cosine", "back", "worst")
HIDDEN = 64
QUERY_TOKENS = 64
DOCUMENT_TOKENS = 256
KEPT = 2048  # texts whose lower states are kept: 0.1 MB each


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
    """The scoring head: six similarities weighed, and a small network on the query's `[CLS]` vector.

    MaxSim and cosine of the two texts read apart are what late interaction and the bi-encoder go by; the same after
    reading together, MaxSim of the passage's tokens over the query's, and the worst match of a query token come beside
    them. So the head begins where late interaction stands.

    Attributes:
        mark: added to the query's states before the joint layers: tells its tokens from the passage's, `(384,)`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mark = nn.Parameter(torch.zeros(backbone.DIM))
        self.weigh = nn.Linear(len(FEATURES), 1, bias=False)
        self.inner = nn.Linear(backbone.DIM, HIDDEN)
        self.outer = nn.Linear(HIDDEN, 1, bias=False)
        with torch.no_grad():
            self.weigh.weight.copy_(torch.tensor([[1.0, 0.35, 0.3, 0.1, 0.0, 0.0]]))
            self.outer.weight.mul_(0.1)

    def forward(self, apart: Tensor, query: Tensor, query_mask: Tensor, document: Tensor, mask: Tensor) -> Tensor:
        """Score pairs.

        Args:
            apart: MaxSim per query token, and cosine, of the texts read apart: `(n, 2)`.
            query: the query's part of the joint pass, `(n, t_q, 384)`; its first token is `[CLS]`.
            query_mask: bool `(n, t_q)`: which tokens are there.
            document: the passage's part, `(n, t_d, 384)`.
            mask: bool `(n, t_d)`.

        Returns:
            float32 `(n,)`.
        """
        q, d = functional.normalize(query, dim=-1), functional.normalize(document, dim=-1)
        similarity = q @ d.transpose(1, 2)
        best = similarity.masked_fill(~mask[:, None, :], -1.0).amax(dim=2)
        back = similarity.masked_fill(~query_mask[:, :, None], -1.0).amax(dim=1)
        features = torch.stack(
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
        score: Tensor = self.weigh(features)[:, 0] + 0.3 * self.outer(torch.tanh(self.inner(query[:, 0])))[:, 0]
        return score


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


def read_together(layers: Any, judge: Judge, queries: Sequence[Reading], documents: Sequence[Reading]) -> Tensor:
    """Score pairs: states of both texts side by side through `layers`, and the head.

    Args:
        layers: the joint layers, each called with states and the mask to add.
        judge: the head.
        queries: `n` queries read apart.
        documents: `n` passages read apart.

    Returns:
        float32 `(n,)`.
    """
    q, q_mask = padded([reading.lower for reading in queries])
    d, d_mask = padded([reading.lower for reading in documents])
    mask = torch.cat([q_mask, d_mask], dim=1)
    hidden = torch.cat([q + judge.mark, d], dim=1)
    device = hidden.device.type
    shown = attended(mask, torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype)
    for layer in layers:
        hidden = layer(hidden, shown)
    apart = compare_apart(queries, documents)
    with torch.autocast(device, enabled=False):
        width = q.shape[1]
        scores: Tensor = judge(apart, hidden[:, :width].float(), q_mask, hidden[:, width:].float(), d_mask)
        return scores


class CrossEncoder:
    """The bundled cross-encoder: all-MiniLM-L6-v2 with its upper layers trained to read two texts together.

    Attributes:
        name: the model's name.
    """

    def __init__(self, folder: Path) -> None:
        """Load the backbone and what was trained.

        Args:
            folder: holds `model.safetensors` and `training.json`.

        Raises:
            FileNotFoundError, ValueError: a file is missing or damaged.
        """
        from lateint_ref.encoders.trained import merge, read

        settings, tensors = read(folder, "cross")
        self._model, self._tokenizer = backbone.load_backbone()
        trained = {name.removeprefix("adapters."): t for name, t in tensors.items() if name.startswith("adapters.")}
        merged = merge(copy.deepcopy(self._model), trained, settings["recipe"]["alpha"])
        self._layers = merged.encoder.layer[SPLIT:]
        self._judge = Judge()
        try:
            self._judge.load_state_dict(
                {name.removeprefix("judge."): t for name, t in tensors.items() if name.startswith("judge.")}
            )
        except RuntimeError as error:
            raise ValueError(f"{folder}/model.safetensors does not fit the cross-encoder's head: {error}") from error
        self._judge.eval().requires_grad_(False)
        self._readings: OrderedDict[tuple[int, ...], Reading] = OrderedDict()
        self.name = f"{backbone.NAME}, read together"

    def score(self, query: str, documents: Any, batch_size: int = 32, progress: bool = False) -> Float32Array:
        """How well each document answers the query: higher is better. Scores of different queries do not compare.

        What the lower layers make of a document is kept for the next query (the last 2,048 texts).

        Args:
            query: a non-empty string; of more than 64 tokens the rest is cut.
            documents: list of `n` non-empty strings, cut at 256 tokens.
            batch_size: pairs a batch; the result does not depend on it.
            progress: show a progress bar.

        Returns:
            float32 `(n,)`, in the order of `documents`.

        Raises:
            TypeError: not a string, or not a list of strings.
            ValueError: an empty one, or no documents.
        """
        question = self._ids([check_text(query, "query")], QUERY_TOKENS)
        sequences = self._ids(check_texts(documents, "documents"), DOCUMENT_TOKENS)
        scores = np.empty(len(sequences), dtype=np.float32)
        asked = self._read(question)[0]
        with torch.inference_mode():
            for rows in batches([len(ids) for ids in sequences], batch_size, progress, "reading pairs"):
                read = self._read([sequences[row] for row in rows])
                scores[rows] = read_together(self._layers, self._judge, [asked] * len(rows), read).numpy()
        return scores

    def tokens(self, query: str, document: str) -> list[str]:
        """The tokens of the joint sequence: the query's, then the document's, each in `[CLS]` and `[SEP]`."""
        ids = self._ids([check_text(query, "query")], QUERY_TOKENS)[0]
        ids = ids + self._ids([check_text(document, "document")], DOCUMENT_TOKENS)[0]
        return [str(token) for token in self._tokenizer.convert_ids_to_tokens(ids)]

    def _ids(self, texts: list[str], limit: int) -> list[list[int]]:
        found: list[list[int]] = self._tokenizer(texts, truncation=True, max_length=limit)["input_ids"]
        return found

    def _read(self, sequences: list[list[int]]) -> list[Reading]:
        new = [ids for ids in dict.fromkeys(map(tuple, sequences)) if ids not in self._readings]
        for start in range(0, len(new), 32):
            part = new[start : start + 32]
            readings = read_apart(self._model, [list(ids) for ids in part], self._tokenizer.pad_token_id)
            self._readings.update(zip(part, readings, strict=True))
        found = [self._readings[tuple(ids)] for ids in sequences]
        for ids in sequences:
            self._readings.move_to_end(tuple(ids))
        while len(self._readings) > max(KEPT, len(sequences)):
            self._readings.popitem(last=False)
        return found

    def __repr__(self) -> str:
        return f"CrossEncoder({self.name})"
