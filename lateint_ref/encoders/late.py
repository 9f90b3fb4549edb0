"""The late encoder: one vector a token, query and document read apart; they meet in MaxSim.

Source: Khattab and Zaharia, "ColBERT", SIGIR 2020, section 3.2: BERT with a marker for queries and one for documents,
a linear layer without bias, L2 normalisation; queries filled up with [MASK] ("query augmentation"), punctuation of
documents left out.
"""

from __future__ import annotations

import json
import string
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lateint_ref.checks import Float32Array, whole
from lateint_ref.encoders import backbone, trained
from lateint_ref.encoders.base import ENCODING, Cut, Kind, TokenVectorEncoder, batches, token_ids

MAX_DIM = 128
PROJECTION, RECORD = "projection.safetensors", "projection.json"


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
            raise FileNotFoundError(
                f"{path} is missing: it says how the late encoder reads text. {backbone.RESTORE}"
            ) from None
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path} is not a late encoder's configuration: {error}. {backbone.RESTORE}") from error
        return cls(**settings)

    def save(self, path: Path) -> None:
        """Write the settings as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    def skipped_words(self) -> list[str]:
        """The tokens whose vectors a document leaves out (PyLate's skiplist)."""
        markers = [marker for marker in (self.query_marker, self.document_marker) if marker]
        special = ["[CLS]", "[SEP]", *markers] if self.skip_special else []
        return special + (list(string.punctuation) if self.skip_punctuation else [])


class LateEncoder(TokenVectorEncoder):
    """all-MiniLM-L6-v2's token vectors, projected and normalised, read as ColBERT reads text.

    Attributes:
        config: how queries and documents are read.
    """

    def __init__(
        self, projection: Float32Array | None, config: LateConfig, model: Any = None, name: str | None = None
    ) -> None:
        """Put a projection on the backbone.

        Args:
            projection: float32 `(dim, 384)`, rows applied to a token vector; None leaves vectors as they are.
            config: how to read text.
            model: a trained copy of the backbone, a `transformers.BertModel` in eval mode; None for the untrained one,
                which all encoders share.
            name: the trained model's name.

        Raises:
            ValueError: a marker that is not in the vocabulary.
        """
        shared, self._tokenizer = backbone.load_backbone()
        self._model, self._trained = (shared, False) if model is None else (model, True)
        self._projection = projection
        self._cut = Cut()
        self.config = config
        self.dim = backbone.DIM if projection is None else len(projection)
        self.name = late_name(self.dim) if name is None else name
        vocabulary = self._tokenizer.get_vocab()
        for marker in (config.query_marker, config.document_marker):
            if marker is not None and marker not in vocabulary:
                raise ValueError(
                    f"the marker {marker!r} is not in the vocabulary of {backbone.NAME}: it would have no trained "
                    "vector. Take one of its unused tokens, such as '[unused0]'."
                )
        self._markers: dict[Kind, int | None] = {
            "query": vocabulary.get(config.query_marker),
            "document": vocabulary.get(config.document_marker),
        }
        self._lengths: dict[Kind, int] = {"query": config.query_length, "document": config.document_length}
        self._skipped = {vocabulary[word] for word in config.skipped_words()}

    def reading(self, config: LateConfig) -> LateEncoder:
        """The same weights, reading text as `config` says: to see what markers, `[MASK]` tokens or lengths do."""
        return LateEncoder(self._projection, config, self._model if self._trained else None, self.name)

    def as_pylate(self) -> Any:
        """The same encoder as a `pylate.models.ColBERT` on the CPU, with its own copy of the weights."""
        weight = np.eye(backbone.DIM, dtype=np.float32) if self._projection is None else self._projection
        with backbone.quiet_loading():
            import torch
            from pylate.models import ColBERT, Dense
            from sentence_transformers.models import Transformer

            transformer = Transformer(str(backbone.backbone_path()))
            # The pooler, which nothing here uses, is all that the encoder's own network lacks.
            transformer.auto_model.load_state_dict(self._model.state_dict(), strict=False)
            dense = Dense(weight.shape[1], weight.shape[0], bias=False, init_weight=torch.from_numpy(weight.copy()))
            return ColBERT(
                modules=[transformer, dense],
                device="cpu",
                query_prefix=self.config.query_marker or "",
                document_prefix=self.config.document_marker or "",
                query_length=self.config.query_length,
                document_length=self.config.document_length,
                do_query_expansion=self.config.query_expansion,
                attend_to_expansion_tokens=self.config.attend_to_expansion,
                skiplist_words=self.config.skipped_words(),
            ).eval()

    def to_pylate(self, folder: str | Path) -> Path:
        """Save `as_pylate()` to a folder that `pylate.models.ColBERT(folder)` and `load_late(folder)` read."""
        self.as_pylate().save(str(folder), create_model_card=False)
        return Path(folder)

    def _read(self, texts: list[str], kind: Kind) -> tuple[list[list[int]], list[int]]:
        """Token ids of each text, markers and masks included, and how many of them others may attend to."""
        length, marker = self._lengths[kind], self._markers[kind]
        sequences = token_ids(self._tokenizer, texts, length if marker is None else length - 1)
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
        skipped = self._skipped if kind == "document" else ()
        return [row for row, token in enumerate(ids) if token not in skipped] or list(range(len(ids)))

    def _ids(self, text: str, kind: Kind) -> list[int]:
        (ids,), _ = self._read([text], kind)
        return [ids[row] for row in self._kept(ids, kind)]

    def _room(self, kind: Kind) -> int:
        return self._lengths[kind] - 2 - (self._markers[kind] is not None)

    def _encode(self, texts: list[str], kind: Kind, batch_size: int, progress: bool) -> list[Float32Array]:
        sequences, attended = self._read(texts, kind)
        # The untrained encoder's silence is part of what the notebooks print.
        if self._trained and max(map(len, sequences)) == self._lengths[kind]:
            self._cut.tell(self.truncated(texts, kind).tolist(), f"of {self._lengths[kind]} tokens for a {kind}")
        matrices: list[Any] = [None] * len(texts)
        for rows in batches([len(ids) for ids in sequences], batch_size, progress, ENCODING[kind]):
            batch, seen = [sequences[row] for row in rows], [attended[row] for row in rows]
            hidden = backbone.last_layer(self._model, batch, self._tokenizer.mask_token_id, seen)
            for row, vectors in zip(rows, hidden, strict=True):
                kept = vectors[self._kept(sequences[row], kind)]
                projected = kept if self._projection is None else kept @ self._projection.T
                matrices[row] = projected / np.linalg.norm(projected, axis=1, keepdims=True)
        return matrices


def late_name(dim: int) -> str:
    """The name of the bundled late encoder with this number of dimensions, without loading it."""
    return f"{backbone.NAME}, token vectors, {dim} dimensions"


def projection_folder() -> Path:
    """The folder of the bundled projection and of how the late encoder reads text, `models/late-128`."""
    return backbone.model_folder(f"late-{MAX_DIM}")


def load_projection(folder: Path, dim: Any = MAX_DIM) -> Float32Array:
    """The first `dim` rows of the bundled projection: float32 `(dim, 384)`, orthonormal.

    They are the top right singular vectors of token vectors of random words, not centred: among all matrices of that
    rank this one keeps dot products best (Eckart and Young, Psychometrika 1936), and MaxSim is made of dot products.
    `data/models/late-128/make.py` fits it.

    Args:
        folder: holds `projection.safetensors` and `projection.json` (its digest).
        dim: from 1 to 128.

    Raises:
        TypeError, ValueError: `dim` is not such a number.
        FileNotFoundError: a file is missing.
        ValueError: the file is damaged: digest, shape or dtype are not what was written.
    """
    rows = whole(dim, "dim")
    if rows > MAX_DIM:
        raise ValueError(f"dim must be from 1 to {MAX_DIM}, or {backbone.DIM} for no projection, got {rows}.")
    why = "The bundled late encoder projects with it."
    backbone.check_digests(folder, RECORD, [PROJECTION], why)
    from safetensors.numpy import load_file

    weight: NDArray[Any] = load_file(folder / PROJECTION)["weight"]
    if weight.shape != (MAX_DIM, backbone.DIM) or weight.dtype != np.float32:
        raise ValueError(
            f"{folder / PROJECTION} holds {weight.dtype} {weight.shape} where float32 {(MAX_DIM, backbone.DIM)} is "
            f"wanted. {why} {backbone.RESTORE}"
        )
    return np.ascontiguousarray(weight[:rows])


def load_untrained_late(dim: Any = MAX_DIM) -> LateEncoder:
    """The bundled late encoder that nothing was trained for: the backbone's token vectors and the projection.

    `dim` is from 1 to 128, or 384 for the token vectors as they are. Raises as `load_projection`, `LateConfig.load`.
    """
    folder = projection_folder()
    config = LateConfig.load(folder / "config.json")
    return LateEncoder(None if dim == backbone.DIM else load_projection(folder, dim), config)


def load_trained_late(folder: Path | None = None, dim: Any = MAX_DIM) -> LateEncoder:
    """The late encoder that was trained for MaxSim.

    Args:
        folder: what `trained.write_trained` wrote; by default the bundled one.
        dim: from 1 to 128: the leading dimensions, scaled to unit length again.

    Raises:
        TypeError, ValueError: `dim` is not such a number.
        FileNotFoundError, ValueError: as `trained.read_trained`, or `config.json` is not a late encoder's.
    """
    source = trained.trained_folder("late") if folder is None else folder
    if whole(dim, "dim") > MAX_DIM:
        raise ValueError(f"dim must be from 1 to {MAX_DIM} for the trained late encoder, got {dim}.")
    tensors = trained.read_trained(source, "late")
    config = LateConfig.load(source / trained.CONFIG)
    model = trained.trained_network(tensors)
    _, tokenizer = backbone.load_backbone()
    rows = [tokenizer.convert_tokens_to_ids(marker) for marker in (config.query_marker, config.document_marker)]
    model.embeddings.word_embeddings.weight[rows] = tensors["markers"]
    projection = tensors["projection.weight"][:dim].numpy().copy()
    return LateEncoder(projection, config, model, f"{backbone.NAME} trained for MaxSim, {dim} dimensions")
