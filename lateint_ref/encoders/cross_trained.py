"""The trained cross-encoder: question and passage in one sequence through all layers, one score.

Source: Nogueira and Cho, "Passage Re-ranking with BERT", 2019: `[CLS] question [SEP] passage [SEP]`, a head on `[CLS]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lateint_ref._checks import Float32Array
from lateint_ref.encoders import backbone
from lateint_ref.encoders._texts import Cut, batches, check_text, check_texts, token_ids

QUERY_TOKENS = 64
PAIR_TOKENS = 320  # [CLS], question, [SEP], passage, [SEP]


class TrainedCross:
    """all-MiniLM-L6-v2 reading two texts together in all layers, trained to score how well one answers the other.

    Attributes:
        name: the model's name.
    """

    def __init__(self, model: Any, head: Mapping[str, Any]) -> None:
        """Put a head on a network.

        Args:
            model: a `transformers.BertModel` in eval mode.
            head: float32 tensors `pooler.dense.weight` (384, 384), `pooler.dense.bias` (384), `classifier.weight`
                (1, 384), `classifier.bias` (1): BERT's pooler and a linear layer.
        """
        self._model, self._head = model, dict(head)
        _, self._tokenizer = backbone.load_backbone()
        self._cut = Cut()
        self.name = f"{backbone.NAME} trained as a cross-encoder"

    def score(self, query: str, documents: Any, batch_size: int = 32, progress: bool = False) -> Float32Array:
        """How well each document answers the query: higher is better, and 0 is the border of what does.

        What is cut from texts that are too long is told once an encoder, as a `UserWarning`.

        Args:
            query: a non-empty string; of more than 64 tokens the rest is cut.
            documents: list of `n` non-empty strings; a pair has at most 320 tokens, the rest of the document is cut.
            batch_size: pairs a batch; the result does not depend on it.
            progress: show a progress bar.

        Returns:
            float32 `(n,)`, in the order of `documents`.

        Raises:
            TypeError: not a string, or not a list of strings.
            ValueError: an empty one, or no documents.
        """
        import torch

        pairs = self._pairs(check_text(query, "query"), check_texts(documents, "documents"))
        scores = np.empty(len(pairs), dtype=np.float32)
        for rows in batches(
            [len(first) + len(second) for first, second in pairs], batch_size, progress, "reading pairs"
        ):
            longest = max(len(pairs[row][0]) + len(pairs[row][1]) for row in rows)
            ids = torch.full((len(rows), longest), self._tokenizer.pad_token_id)
            segment, there = torch.zeros_like(ids), torch.zeros_like(ids)
            for place, row in enumerate(rows):
                first, second = pairs[row]
                ids[place, : len(first) + len(second)] = torch.tensor(first + second)
                segment[place, len(first) : len(first) + len(second)] = 1
                there[place, : len(first) + len(second)] = 1
            with torch.inference_mode():
                hidden = self._model(input_ids=ids, attention_mask=there, token_type_ids=segment).last_hidden_state
                scores[rows] = self._judge(hidden[:, 0]).numpy()
        return scores

    def tokens(self, query: str, document: str) -> list[str]:
        """The tokens of the one sequence that both texts are read as.

        Raises:
            TypeError, ValueError: not a string, or an empty one.
        """
        first, second = self._pairs(check_text(query, "query"), [check_text(document, "document")])[0]
        return [str(token) for token in self._tokenizer.convert_ids_to_tokens(first + second)]

    def _judge(self, states: Any) -> Any:
        from torch.nn import functional

        pooled = functional.linear(states, self._head["pooler.dense.weight"], self._head["pooler.dense.bias"]).tanh()
        return functional.linear(pooled, self._head["classifier.weight"], self._head["classifier.bias"])[:, 0]

    def _pairs(self, query: str, documents: list[str]) -> list[tuple[list[int], list[int]]]:
        """Token ids of each pair: `[CLS]`, question, `[SEP]`; and passage, `[SEP]`."""
        start, end = self._tokenizer.cls_token_id, self._tokenizer.sep_token_id
        asked = token_ids(self._tokenizer, [query], special=False)[0]
        found = token_ids(self._tokenizer, documents, special=False)
        room = PAIR_TOKENS - 3 - len(asked[: QUERY_TOKENS - 2])
        self._cut.tell(
            [len(asked) - (QUERY_TOKENS - 2), *(len(ids) - room for ids in found)], f"of a pair of {PAIR_TOKENS} tokens"
        )
        first = [start, *asked[: QUERY_TOKENS - 2], end]
        return [(first, [*ids[:room], end]) for ids in found]

    def __repr__(self) -> str:
        return f"TrainedCross({self.name})"
