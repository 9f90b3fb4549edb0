"""The published text models behind the interface of the bundled ones, through Sentence Transformers and PyLate.

The libraries do the work. What is added here: a checkpoint that leaves weights at random numbers is refused, and errors
say what to do. All encoders, those of `hub_pages` too, take a hub name or a folder and raise on loading:

- `OSError`: the model cannot be had (`FileNotFoundError` for a folder).
- `RuntimeError`: its checkpoint leaves weights unset.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from lateint_ref.checks import Float32Array
from lateint_ref.encoders.backbone import quiet_loading, reject_unset
from lateint_ref.encoders.base import Kind, PairScorer, SingleVectorEncoder, TokenVectorEncoder

# The one table of hub names; the environment variable beside each puts another name or a local folder in its place.
HUB_MODELS = {
    "bi": "sentence-transformers/all-MiniLM-L6-v2",
    "cross": "cross-encoder/ms-marco-MiniLM-L6-v2",
    "late": "lightonai/GTE-ModernColBERT-v1",
    "pages": "vidore/colpali-v1.3",
}
MODEL_VARIABLES = {
    "bi": "LATEINT_BI_MODEL",
    "cross": "LATEINT_CROSS_MODEL",
    "late": "LATEINT_LATE_MODEL",
    "pages": "LATEINT_PAGES_MODEL",
}
CALLED = {"bi": "bi-encoder", "cross": "cross-encoder", "late": "late encoder", "pages": "page encoder"}
# Faults of this machine's disk, not of the hub: full, over quota, forbidden, read-only, broken, too many open files.
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.EMFILE)
_NO_COLBERT = (
    "the checkpoint {} holds no {}: it would be random numbers, and so would the results. "
    "Name a model that was trained as a ColBERT."
)


class HubBi(SingleVectorEncoder):
    """A bi-encoder that Sentence Transformers can load; queries and documents get its prompts where it has any."""

    def __init__(self, name: str) -> None:
        with _loading(name, "bi"):
            from sentence_transformers import SentenceTransformer

            self._model = SentenceTransformer(name)
        self.name = name
        self.dim = int(self._model.get_sentence_embedding_dimension())

    def _encode(self, texts: list[str], kind: Kind, batch_size: int, progress: bool) -> Float32Array:
        encode = self._model.encode_query if kind == "query" else self._model.encode_document
        vectors = encode(texts, batch_size=batch_size, show_progress_bar=progress, normalize_embeddings=True)
        return np.ascontiguousarray(vectors, dtype=np.float32)


class HubLate(TokenVectorEncoder):
    """A late encoder that PyLate can load; its skiplist says which vectors a document leaves out.

    Attributes:
        pylate: the `pylate.models.ColBERT` itself.
    """

    def __init__(self, name: str) -> None:
        with _loading(name, "late"):
            from pylate.models import ColBERT

            _require_projection(name)
            self.pylate = ColBERT(name)
            _require_markers(name, self.pylate)
        self.name = name
        self.dim = int(self.pylate[-1].out_features)
        self._tokenizer = self.pylate.tokenizer

    def _encode(self, texts: list[str], kind: Kind, batch_size: int, progress: bool) -> list[Float32Array]:
        found: list[Float32Array] = self.pylate.encode(
            texts, is_query=kind == "query", batch_size=batch_size, show_progress_bar=progress
        )
        return found

    def _ids(self, text: str, kind: Kind) -> list[int]:
        output = self.pylate.encode([text], is_query=kind == "query", output_value=None)
        ids: list[int] = np.asarray(output["input_ids"][0])[np.asarray(output["masks"][0], dtype=bool)].tolist()
        return ids

    def _room(self, kind: Kind) -> int:
        model, query = self.pylate, kind == "query"
        marker = model.query_prefix_id if query else model.document_prefix_id
        special = model.tokenizer.num_special_tokens_to_add() + (marker is not None)
        return int((model.query_length if query else model.document_length) - special)


class HubCross(PairScorer):
    """A cross-encoder that Sentence Transformers can load; a `ValueError` for one that gives several scores a pair."""

    def __init__(self, name: str) -> None:
        with _loading(name, "cross"):
            from sentence_transformers import CrossEncoder

            self._model = CrossEncoder(name)
        if self._model.num_labels != 1:
            raise ValueError(
                f"{name} gives {self._model.num_labels} scores a pair: a cross-encoder for ranking gives one."
            )
        self.name = name

    def _score(self, query: str, documents: list[str], batch_size: int, progress: bool) -> Float32Array:
        pairs = [(query, document) for document in documents]
        scores = self._model.predict(pairs, batch_size=batch_size, show_progress_bar=progress)
        return np.asarray(scores, dtype=np.float32)


def _require_projection(name: str) -> None:
    """Refuse a checkpoint without a projection, where PyLate adds a random one."""
    from sentence_transformers.util import load_file_path
    from transformers import AutoConfig

    modules = load_file_path(name, "modules.json")
    if modules is None:
        trained = "HF_ColBERT" in (AutoConfig.from_pretrained(name).architectures or [])
    else:
        listed = json.loads(Path(modules).read_text(encoding="utf-8"))
        trained = any(module["type"].endswith("Dense") for module in listed)
    if not trained:
        raise RuntimeError(_NO_COLBERT.format(name, "projection, the last layer of a late encoder"))


def _require_markers(name: str, model: Any) -> None:
    """Refuse a checkpoint whose vocabulary lacks a marker, where PyLate adds a random vector."""
    from transformers import AutoConfig, AutoTokenizer

    known = AutoTokenizer.from_pretrained(name).get_vocab()
    rows = AutoConfig.from_pretrained(name).get_text_config().vocab_size
    for marker in (model.query_prefix, model.document_prefix):
        if marker and known.get(marker, rows) >= rows:
            raise RuntimeError(_NO_COLBERT.format(name, f"vector for the marker {marker!r}"))


# Loading: quietly, completely, and with errors that say what to do


@contextmanager
def _loading(name: str, kind: str) -> Iterator[None]:
    """Within the block a library loads a model; on leaving, a checkpoint that left weights unset is refused."""
    check_folder(name, kind)
    with available(name, kind), _reported() as unset:
        yield
    # Bi- and late encoders read token vectors, and nothing of a pooler.
    reject_unset([key for key in unset if kind == "cross" or "pooler." not in key], name, CALLED[kind])


@contextmanager
def _reported() -> Iterator[list[str]]:
    """The weights that transformers reports as left unset within the block, as far as this thread loads.

    Sentence Transformers and PyLate do not pass transformers' loading information on; what is left is the table that
    it logs. There weights of several layers share a row: `layer.{0, 1}.output.dense.weight`.
    """
    unset: list[str] = []
    thread = threading.get_ident()
    row = re.compile(r"^(?:\x1b\[\d+m)*(\S.*?) *\| *(?:\x1b\[[\d;]+m)*(?:MISSING|MISMATCH)", re.MULTILINE)

    def others(record: logging.LogRecord) -> bool:
        if mine := record.thread == thread:
            unset.extend(row.findall(record.getMessage()))
        return not mine  # what is read here is not shown, and what another thread loads is left to its own filter

    logger = logging.getLogger("transformers.modeling_utils")
    level = logger.level
    logger.setLevel(logging.WARNING)  # quiet_loading, around this, turns its parents down
    logger.addFilter(others)
    try:
        yield unset
    finally:
        logger.removeFilter(others)
        logger.setLevel(level)


@contextmanager
def available(name: str, kind: str, part: str | None = None) -> Iterator[None]:
    """Load quietly; an `OSError` says what could not be had, why, and what to do.

    `part` is the base model where that is loaded, and not the model `name` itself.
    """
    try:
        with quiet_loading():
            yield
    except (ModuleNotFoundError, UnicodeError):
        raise
    except Exception as error:
        chain: list[BaseException] = [error]
        while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None:
            chain.append(cause)
        faults = [fault for fault in chain if isinstance(fault, OSError)]
        if not faults:
            raise
        part = part or name
        what = f"the {CALLED[kind]} {name}" + (f" (its base model {part})" if part != name else "")
        if disk := next((fault for fault in faults if fault.errno in _DISK), None):
            told = f"{what} could not be read or kept on this machine's disk: {disk.strerror}. Make room, or set"
            raise OSError(disk.errno, f"{told} HF_HOME to a folder that can be written", disk.filename) from error
        if Path(part).is_dir():
            raise OSError(f"the {CALLED[kind]} in the folder {part} could not be read: {error}") from error
        from huggingface_hub.constants import HF_HUB_OFFLINE

        offline = "HF_HUB_OFFLINE is set and it is not in the local cache"
        raise OSError(
            f"{what} could not be loaded: {offline if HF_HUB_OFFLINE else 'the model hub did not serve it'}. The hub "
            f"profile runs on it. Either download it where the hub can be reached (hf download {part}), or set "
            f"{MODEL_VARIABLES[kind]} to a local folder, or set LATEINT_PROFILE=bundled, which needs no hub. "
            f"({type(error).__name__})"
        ) from error


def hub_name(model: Any) -> str:
    """A hub name or a local folder as a string, or a `TypeError`."""
    if not isinstance(model, (str, os.PathLike)) or not str(model).strip():
        raise TypeError(f"model must be a hub name or a local folder, got {model!r}.")
    return str(model)


def check_folder(name: str, kind: str) -> None:
    """Raise a `FileNotFoundError` for a folder that is not there or holds no model."""
    files = ("config.json", "modules.json", "adapter_config.json")
    if Path(name).is_dir():
        if not any((Path(name) / file).is_file() for file in files):
            raise FileNotFoundError(
                f"the folder {name} holds no model: it has none of {', '.join(files)}. Give the folder that "
                "save_pretrained wrote."
            )
    elif name.startswith((".", "~", os.sep)) or Path(name).is_absolute():
        raise FileNotFoundError(f"there is no folder {name} to load a {CALLED[kind]} from. Check the path.")
