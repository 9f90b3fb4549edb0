"""Cross-encoders: query and passage read together, one score a pair. One that is trained for it, and one that is not.

Source: Nogueira and Cho, "Passage Re-ranking with BERT", 2019: one sequence, one score.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lateint_ref.checks import Float32Array
from lateint_ref.encoders import backbone, trained
from lateint_ref.encoders.base import Cut, PairScorer, batches, check_text, token_ids

QUERY_TOKENS = 64
PAIR_TOKENS = 320  # [CLS], question, [SEP], passage, [SEP]


class TrainedCross(PairScorer):
    """all-MiniLM-L6-v2 reading two texts together in all layers, trained to score how well one answers the other.

    The sequence is `[CLS] question [SEP] passage [SEP]`; a score of 0 is the border of what answers. Of the question 64
    tokens are read, of the pair 320; what is cut is told once an encoder, as a `UserWarning`.
    """

    def __init__(self, model: Any, head: Mapping[str, Any]) -> None:
        """Put a head, BERT's pooler and a linear layer, on a `transformers.BertModel` in eval mode.

        Args:
            model: the network.
            head: float32 tensors, by the names and of the shapes in `trained.OWN["cross"]`.
        """
        self._model, self._head = model, dict(head)
        _, self._tokenizer = backbone.load_backbone()
        self._cut = Cut()
        self.name = f"{backbone.NAME} trained as a cross-encoder"

    def tokens(self, query: str, document: str) -> list[str]:
        """The tokens of the one sequence that both texts are read as.

        Raises:
            TypeError, ValueError: not a string, or an empty one.
        """
        first, (second,), _ = self._read(check_text(query, "query"), [check_text(document, "document")])
        return [str(token) for token in self._tokenizer.convert_ids_to_tokens(first + second)]

    def _score(self, query: str, documents: list[str], batch_size: int, progress: bool) -> Float32Array:
        first, seconds, over = self._read(query, documents)
        self._cut.tell(over, f"of a pair of {PAIR_TOKENS} tokens")
        scores = np.empty(len(documents), dtype=np.float32)
        for rows in batches([len(second) for second in seconds], batch_size, progress, "reading pairs"):
            ids, there = backbone.padded([first + seconds[row] for row in rows], self._tokenizer.pad_token_id)
            segment = there * (torch.arange(ids.shape[1]) >= len(first))
            with torch.inference_mode():
                hidden = self._model(input_ids=ids, attention_mask=there, token_type_ids=segment).last_hidden_state
                pooled = self._linear(hidden[:, 0], "pooler.dense").tanh()
                scores[rows] = self._linear(pooled, "classifier")[:, 0].float().numpy()
        return scores

    def _linear(self, states: Tensor, layer: str) -> Tensor:
        return functional.linear(states, self._head[f"{layer}.weight"], self._head[f"{layer}.bias"])

    def _read(self, query: str, documents: list[str]) -> tuple[list[int], list[list[int]], list[int]]:
        """Ids of `[CLS]`, question, `[SEP]`; of each passage, `[SEP]`; and how many tokens too long each text is."""
        start, end = self._tokenizer.cls_token_id, self._tokenizer.sep_token_id
        asked = token_ids(self._tokenizer, [query], special=False)[0]
        found = token_ids(self._tokenizer, documents, special=False)
        most = QUERY_TOKENS - 2
        room = PAIR_TOKENS - 3 - len(asked[:most])
        over = [len(asked) - most, *(len(ids) - room for ids in found)]
        return [start, *asked[:most], end], [[*ids[:room], end] for ids in found], over


def load_trained_cross(folder: Path | None = None) -> TrainedCross:
    """The cross-encoder that was trained to score pairs, from what `trained.write_trained` wrote, or the bundled one.

    Raises:
        FileNotFoundError, ValueError: as `trained.read_trained`.
    """
    tensors = trained.read_trained(trained.trained_folder("cross") if folder is None else folder, "cross")
    model = trained.trained_network(tensors)
    segments, *head = trained.OWN["cross"]
    model.embeddings.token_type_embeddings.weight.copy_(tensors[segments])
    return TrainedCross(model, {name: tensors[name] for name in head})


SPLIT = 3  # layers below it read apart, layers from it on together
DOCUMENT_TOKENS = 256
KEPT = 2048  # texts whose lower states are kept: 0.1 MB each
# What a score is made of, and the weights, chosen on the handbook's dev split: MaxSim a query token and cosine of the
# texts read apart; then of the joint pass MaxSim, cosine, MaxSim of the passage's tokens over the query's, and the
# worst match of a query token.
WEIGHTS = {"late_apart": 1.0, "cosine_apart": 0.35, "late": 0.3, "cosine": 0.1, "back": 0.0, "worst": 0.0}


class _Reading(NamedTuple):
    """A text read alone."""

    lower: Tensor  # states after `SPLIT` layers, (tokens, 384)
    unit: Tensor  # token vectors of the last layer, at unit length, likewise
    mean: Tensor  # the bi-encoder's vector, (384,)


class CrossEncoder(PairScorer):
    """all-MiniLM-L6-v2 reading two texts together in its upper three layers, which it was never trained for.

    The lower three layers read query and passage apart, as in PreTTR (MacAvaney et al., SIGIR 2020), so what they make
    of a passage does not depend on the query: it is kept for the next one (the last 2,048 texts). The score adds what
    late interaction and the bi-encoder go by to the same similarities of the joint pass. Queries are cut at 64 tokens,
    documents at 256; scores of different queries do not compare.
    """

    def __init__(self) -> None:
        """Load the backbone (see `backbone.load_backbone` for what can go wrong)."""
        self._model, self._tokenizer = backbone.load_backbone()
        self.name = f"{backbone.NAME}, upper layers reading two texts together, untrained"
        self._weights = torch.tensor(list(WEIGHTS.values()))
        self._readings: OrderedDict[tuple[int, ...], _Reading] = OrderedDict()
        self._reading = threading.Lock()  # one thread's new texts may push out what another is about to take

    def explain(self, query: str, document: str) -> dict[str, tuple[float, float]]:
        """What a score is made of: by name a similarity and its weight; the sum of their products is the score.

        Raises:
            TypeError, ValueError: not a string, or an empty one.
        """
        asked, read = self._ids(check_text(query, "query"), [check_text(document, "document")])
        with torch.inference_mode():
            values = self._similarities(self._read(asked)[0], self._read(read))[0].tolist()
        return dict(zip(WEIGHTS, zip(values, self._weights.tolist(), strict=True), strict=True))

    def tokens(self, query: str, document: str) -> list[str]:
        """The tokens of the joint sequence: the query's, then the document's, each in `[CLS]` and `[SEP]`.

        Raises:
            TypeError, ValueError: not a string, or an empty one.
        """
        (asked,), (read,) = self._ids(check_text(query, "query"), [check_text(document, "document")])
        return [str(token) for token in self._tokenizer.convert_ids_to_tokens(asked + read)]

    def _score(self, query: str, documents: list[str], batch_size: int, progress: bool) -> Float32Array:
        asked, sequences = self._ids(query, documents)
        scores = np.empty(len(sequences), dtype=np.float32)
        with torch.inference_mode():
            (question,) = self._read(asked)
            for rows in batches([len(ids) for ids in sequences], batch_size, progress, "reading pairs"):
                read = self._read([sequences[row] for row in rows])
                scores[rows] = (self._similarities(question, read) @ self._weights).numpy()
        return scores

    def _ids(self, query: str, documents: list[str]) -> tuple[list[list[int]], list[list[int]]]:
        asked = token_ids(self._tokenizer, [query], QUERY_TOKENS)
        return asked, token_ids(self._tokenizer, documents, DOCUMENT_TOKENS)

    def _similarities(self, asked: _Reading, read: list[_Reading]) -> Tensor:
        """The similarities that `WEIGHTS` names, of a query and `n` passages: float32 `(n, 6)`."""
        apart = [torch.stack([(asked.unit @ d.unit.T).amax(dim=1).mean(), asked.mean @ d.mean]) for d in read]
        lower = torch.stack([asked.lower] * len(read))
        hidden = torch.cat([lower, nn.utils.rnn.pad_sequence([d.lower for d in read], batch_first=True)], dim=1)
        tokens = lower.shape[1]
        mask = torch.arange(hidden.shape[1]) < tokens + torch.tensor([[len(d.lower)] for d in read])
        for layer in self._model.encoder.layer[SPLIT:]:
            hidden = layer(hidden, _to_add(mask))
        query, document, there = hidden[:, :tokens], hidden[:, tokens:], mask[:, tokens:].float()
        similarity = functional.normalize(query, dim=-1) @ functional.normalize(document, dim=-1).transpose(1, 2)
        best = similarity.masked_fill(~mask[:, None, tokens:], -1.0).amax(dim=2)
        back = similarity.amax(dim=1)
        mean = (document * there[:, :, None]).sum(dim=1) / there[:, :, None].sum(dim=1)
        joint = [
            best.sum(dim=1) / tokens,
            functional.cosine_similarity(query.sum(dim=1) / tokens, mean, dim=-1),
            (back * there).sum(dim=1) / there.sum(dim=1),
            best.amin(dim=1),
        ]
        return torch.cat([torch.stack(apart), torch.stack(joint, dim=-1)], dim=1)

    def _read(self, sequences: Sequence[list[int]]) -> list[_Reading]:
        """Texts read alone, from what is kept or by the network."""
        with self._reading:
            keys = [tuple(ids) for ids in sequences]
            new = [key for key in dict.fromkeys(keys) if key not in self._readings]
            for start in range(0, len(new), 32):
                part = new[start : start + 32]
                self._readings.update(zip(part, self._read_apart(part), strict=True))
            for key in keys:
                self._readings.move_to_end(key)
            found = [self._readings[key] for key in keys]
            while len(self._readings) > max(KEPT, len(keys)):
                self._readings.popitem(last=False)
        return found

    def _read_apart(self, sequences: Sequence[tuple[int, ...]]) -> list[_Reading]:
        input_ids, mask = backbone.padded(sequences, self._tokenizer.pad_token_id)
        shown = _to_add(mask.bool())
        lower = self._model.embeddings(input_ids=input_ids)
        for layer in self._model.encoder.layer[:SPLIT]:
            lower = layer(lower, shown)
        upper = lower
        for layer in self._model.encoder.layer[SPLIT:]:
            upper = layer(upper, shown)
        readings = []
        for row, ids in enumerate(sequences):
            states = upper[row, : len(ids)]
            mean = functional.normalize(states.mean(dim=0), dim=-1)
            readings.append(_Reading(lower[row, : len(ids)].clone(), functional.normalize(states, dim=-1), mean))
        return readings


def _to_add(mask: Tensor) -> Tensor:
    """What attention adds: 0 for tokens that are there, minus infinity for padding, float32 `(n, 1, 1, longest)`."""
    return torch.zeros(mask.shape).masked_fill(~mask, float("-inf"))[:, None, None]
