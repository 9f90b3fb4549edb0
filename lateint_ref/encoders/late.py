"""The late encoder: one vector a token, query and document read apart; they meet in MaxSim.

Source: Khattab and Zaharia, "ColBERT", SIGIR 2020, section 3.2: BERT with a marker for queries and one for documents,
a linear layer without bias, L2 normalisation; queries filled up with [MASK] ("query augmentation"), punctuation of
documents left out.
"""

from __future__ import annotations

import json
import string
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lateint_ref.checks import Float32Array, Int64Array
from lateint_ref.encoders import backbone
from lateint_ref.encoders._forward import last_layer
from lateint_ref.encoders._texts import batches, check_text, check_texts
from lateint_ref.encoders._weights import RESTORE
from lateint_ref.multivectors import MultiVectors

Kind = Literal["query", "document"]


@dataclass(frozen=True)
class LateConfig:
    """How a late encoder reads queries and documents. PyLate can express every setting.

    Attributes:
        query_marker: token put behind a query's `[CLS]`; None for none.
        document_marker: token put behind a document's `[CLS]`; None for none.
        query_length: tokens of a query at most, `[CLS]`, marker and `[SEP]` included.
        document_length: tokens of a document at most, counted likewise.
        query_expansion: fill every query up to `query_length` with `[MASK]` tokens, which yield vectors too.
        attend_to_expansion: whether the other tokens see those `[MASK]` tokens.
        skip_punctuation: leave out the vectors of a document's punctuation.
        skip_special: leave out the vectors of a document's `[CLS]`, marker and `[SEP]`; a query keeps its own.
    """

    query_marker: str | None = "[unused0]"
    document_marker: str | None = "[unused1]"
    query_length: int = 64
    document_length: int = 300
    query_expansion: bool = False
    attend_to_expansion: bool = False
    skip_punctuation: bool = True
    skip_special: bool = False

    @classmethod
    def load(cls, path: Path) -> LateConfig:
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: no such file.
            ValueError: not JSON, or its keys are not those of this class.
        """
        try:
            settings = json.loads(path.read_text(encoding="utf-8"))
            wanted = {field.name for field in fields(cls)}
            if set(settings) != wanted:
                raise ValueError(f"its keys differ from the settings in {sorted(wanted ^ set(settings))}")
        except FileNotFoundError:
            raise FileNotFoundError(f"{path} is missing: it says how the late encoder reads text. {RESTORE}") from None
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path} is not a late encoder's configuration: {error}. {RESTORE}") from error
        return cls(**settings)

    def save(self, path: Path) -> None:
        """Write the settings as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    def skipped_words(self) -> list[str]:
        """The tokens whose vectors a document leaves out (PyLate's skiplist)."""
        markers = [marker for marker in (self.query_marker, self.document_marker) if marker]
        special = ["[CLS]", "[SEP]", *markers] if self.skip_special else []
        return special + (list(string.punctuation) if self.skip_punctuation else [])


def late_name(dim: int) -> str:
    """The name of the bundled late encoder with this number of dimensions, without loading it."""
    return f"{backbone.NAME}, token vectors, {dim} dimensions"


class LateEncoder:
    """all-MiniLM-L6-v2's token vectors, projected and normalised, read as ColBERT reads text.

    Attributes:
        name: the model's name, with the number of dimensions.
        dim: dimensions of a vector.
        config: how queries and documents are read.
    """

    def __init__(self, projection: Float32Array | None, config: LateConfig) -> None:
        """Put a projection on the backbone.

        Args:
            projection: float32 `(dim, 384)`, rows applied to a token vector; None leaves vectors as they are.
            config: how to read text.

        Raises:
            ValueError: a marker that is not in the vocabulary.
        """
        self._model, self._tokenizer = backbone.load_backbone()
        self._projection = projection
        self.config = config
        self.dim = backbone.DIM if projection is None else len(projection)
        self.name = late_name(self.dim)
        self._marker_ids = {
            "query": self._token_id(config.query_marker),
            "document": self._token_id(config.document_marker),
        }
        vocabulary = self._tokenizer.get_vocab()
        self._skipped = {vocabulary[word] for word in config.skipped_words()}

    def encode_queries(
        self, texts: Any, ids: Sequence[str] | None = None, batch_size: int = 32, progress: bool = False
    ) -> MultiVectors:
        """One vector a token of each query, special tokens included.

        Args:
            texts: list of `n` non-empty strings.
            ids: one unique string a text; by default `"0"`, `"1"`, ...
            batch_size: texts a batch; the result does not depend on it.
            progress: show a progress bar.

        Returns:
            `MultiVectors` of `n` documents, float32, `dim` dimensions, unit length, in the order of `texts`.

        Raises:
            TypeError: not a list of strings.
            ValueError: no texts, an empty one, or duplicate ids.
        """
        return self._encode(check_texts(texts, "texts"), "query", ids, batch_size, progress)

    def encode_documents(
        self, texts: Any, ids: Sequence[str] | None = None, batch_size: int = 32, progress: bool = False
    ) -> MultiVectors:
        """One vector a token of each document, less those that the configuration skips.

        Arguments, result and errors as `encode_queries`.
        """
        return self._encode(check_texts(texts, "texts"), "document", ids, batch_size, progress)

    def encode_query(self, text: str) -> Float32Array:
        """The vectors of one query, float32 `(n_q, dim)`. Raises as `encode_queries`."""
        query: Float32Array = self.encode_queries([check_text(text, "text")])[0]
        return query

    def tokens(self, text: str, kind: Kind = "query") -> list[str]:
        """The tokens of a text, one for each of its vectors, in their order.

        Args:
            text: a non-empty string.
            kind: read it as a `"query"` or as a `"document"`.

        Raises:
            TypeError, ValueError: not a string, an empty one, or another kind.
        """
        ids, _ = self._read([check_text(text, "text")], kind)
        tokens: list[str] = self._tokenizer.convert_ids_to_tokens([ids[0][row] for row in self._kept(ids[0], kind)])
        return tokens

    def truncated(self, texts: Any, kind: Kind = "document") -> Int64Array:
        """How many tokens of each text are cut off because it is too long: int64 `(n,)`, 0 where nothing is lost.

        Raises:
            TypeError, ValueError: as `encode_queries`, or another kind.
        """
        room = self._length(kind) - 2 - (self._marker_ids[kind] is not None)
        checked = check_texts(texts, "texts")
        lengths = [len(ids) for ids in self._tokenizer(checked, add_special_tokens=False, verbose=False)["input_ids"]]
        return np.maximum(np.asarray(lengths, dtype=np.int64) - room, 0)

    def as_pylate(self) -> Any:
        """The same encoder as a `pylate.models.ColBERT` on the CPU, with its own copy of the weights."""
        from lateint_ref.encoders._pylate import build_pylate

        return build_pylate(self._projection, self.config)

    def to_pylate(self, folder: str | Path) -> Path:
        """Save `as_pylate()` to a folder that `pylate.models.ColBERT(folder)` and `load_late(folder)` read."""
        self.as_pylate().save(str(folder), create_model_card=False)
        return Path(folder)

    def _token_id(self, marker: str | None) -> int | None:
        if marker is None:
            return None
        if marker not in self._tokenizer.get_vocab():
            raise ValueError(
                f"the marker {marker!r} is not in the vocabulary of {backbone.NAME}: it would have no trained vector. "
                "Take one of its unused tokens, such as '[unused0]'."
            )
        return int(self._tokenizer.convert_tokens_to_ids(marker))

    def _length(self, kind: Kind) -> int:
        if kind not in ("query", "document"):
            raise ValueError(f"kind must be 'query' or 'document', got {kind!r}.")
        return self.config.query_length if kind == "query" else self.config.document_length

    def _read(self, texts: list[str], kind: Kind) -> tuple[list[list[int]], list[int]]:
        """Token ids of each text, markers and masks included, and how many of them others may attend to."""
        length, marker = self._length(kind), self._marker_ids[kind]
        room = length if marker is None else length - 1
        sequences: list[list[int]] = self._tokenizer(texts, truncation=True, max_length=room)["input_ids"]
        if marker is not None:
            sequences = [[ids[0], marker, *ids[1:]] for ids in sequences]
        attended = [len(ids) for ids in sequences]
        if kind == "query" and self.config.query_expansion:
            mask = self._tokenizer.mask_token_id
            sequences = [ids + [mask] * (length - len(ids)) for ids in sequences]
            if self.config.attend_to_expansion:
                attended = [length] * len(sequences)
        return sequences, attended

    def _kept(self, ids: list[int], kind: Kind) -> list[int]:
        """Positions whose vectors are kept; all of them where a document would be left with none."""
        if kind == "query":
            return list(range(len(ids)))
        return [row for row, token in enumerate(ids) if token not in self._skipped] or list(range(len(ids)))

    def _encode(
        self, texts: list[str], kind: Kind, ids: Sequence[str] | None, batch_size: int, progress: bool
    ) -> MultiVectors:
        sequences, attended = self._read(texts, kind)
        matrices: list[Any] = [None] * len(texts)
        what = "encoding queries" if kind == "query" else "encoding documents"
        for rows in batches([len(sequence) for sequence in sequences], batch_size, progress, what):
            hidden = last_layer(
                self._model,
                [sequences[row] for row in rows],
                self._tokenizer.mask_token_id,
                [attended[row] for row in rows],
            )
            for row, vectors in zip(rows, hidden, strict=True):
                kept = vectors[self._kept(sequences[row], kind)]
                projected = kept if self._projection is None else kept @ self._projection.T
                matrices[row] = projected / np.linalg.norm(projected, axis=1, keepdims=True)
        return MultiVectors.from_list(matrices, ids)

    def __repr__(self) -> str:
        return f"LateEncoder({self.name})"
