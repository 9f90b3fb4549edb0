"""Static embeddings: a table with one vector a token; a text is the mean of its tokens' vectors.

Source: Tulkens and van Dongen, "Model2Vec: Fast State-of-the-Art Static Embeddings", 2024. Every token of the
vocabulary goes through the backbone once, alone; PCA and a weight that falls with a token's rank do the rest.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from lateint_ref._checks import Float32Array
from lateint_ref.encoders import backbone
from lateint_ref.encoders._quiet import quiet_loading
from lateint_ref.encoders._texts import check_texts

DIM = 256
SIF = 1e-5  # weight sif / (sif + p) of a token of probability p, from its rank by Zipf's law; best of six on dev


def cache_folder() -> Path:
    """Where derived files are kept: `LATEINT_CACHE`, or `lateint_ref` in the platform's cache folder of the user."""
    chosen = os.environ.get("LATEINT_CACHE", "").strip()
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", "") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", "") or Path.home() / ".cache")
    return base / "lateint_ref"


class StaticEncoder:
    """Static embeddings distilled from the bundled backbone by model2vec.

    Attributes:
        name: the model's name.
        dim: dimensions of a vector.
    """

    def __init__(self, dim: int = DIM) -> None:
        """Read the table from the cache, or distil it (see `distil`) and put it there.

        Raises:
            ModuleNotFoundError, FileNotFoundError, ValueError: the backbone is missing or damaged.
        """
        backbone.backbone_path()
        folder = cache_folder() / f"static-{_key(dim)}"
        self._model = _read(folder) or distil(folder, dim)
        self.name = f"{backbone.NAME}, static, {dim} dimensions"
        self.dim = dim

    def encode_queries(self, texts: Any, batch_size: int = 1024, progress: bool = False) -> Float32Array:
        """One vector a query; queries and documents are read alike.

        Args:
            texts: list of `n` non-empty strings.
            batch_size: texts a batch; the result does not depend on it.
            progress: show a progress bar.

        Returns:
            float32 `(n, dim)`, rows of length 1, in the order of `texts`.

        Raises:
            TypeError: not a list of strings.
            ValueError: no texts, an empty one, or one without a single known token (its index is named).
        """
        checked = check_texts(texts, "texts")
        vectors = self._model.encode(
            checked,
            max_length=None,
            batch_size=batch_size,
            show_progress_bar=progress,
            use_multiprocessing=False,
        )
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        if (norms == 0).any():
            index = int(np.argmax(norms[:, 0] == 0))
            raise ValueError(
                f"texts[{index}] holds no token that the table knows, so it has no vector: {checked[index]!r}."
            )
        return np.ascontiguousarray(vectors / norms, dtype=np.float32)

    def encode_documents(self, texts: Any, batch_size: int = 1024, progress: bool = False) -> Float32Array:
        """One vector a document: arguments, result and errors as `encode_queries`."""
        return self.encode_queries(texts, batch_size, progress)

    def __repr__(self) -> str:
        return f"StaticEncoder({self.name})"


def distil(folder: Path, dim: int = DIM) -> Any:
    """Distil the table and keep it in `folder`, which appears whole or not at all.

    About 15 seconds on two cores, with a progress bar (which `TQDM_DISABLE=1` turns off).

    Returns:
        A `model2vec.StaticModel`.
    """
    with quiet_loading():
        import torch
        from model2vec.distill import distill_from_model
        from transformers import AutoTokenizer, BertModel

        path = backbone.backbone_path()
        model = BertModel.from_pretrained(path, add_pooling_layer=False, dtype=torch.float32, local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
        static = distill_from_model(
            model, tokenizer, device="cpu", pca_dims=dim, sif_coefficient=SIF, quantize_to="float32"
        )
        _write(static, folder)
    return _read(folder) or static


def _key(dim: int) -> str:
    """What the table depends on, as a file name."""
    settings = (backbone.SHA256["model.safetensors"], str(dim), str(SIF), version("model2vec"))
    return hashlib.sha256(" ".join(settings).encode()).hexdigest()[:16]


def _read(folder: Path) -> Any:
    """The cached table; None where there is none, or a damaged one."""
    if not (folder / "model.safetensors").is_file():
        return None
    with quiet_loading():
        from model2vec import StaticModel
        from safetensors import SafetensorError

        try:
            return StaticModel.from_pretrained(folder)
        except (OSError, ValueError, KeyError, SafetensorError):
            return None


def _write(static: Any, folder: Path) -> None:
    """Save beside `folder` and rename. A cache that cannot be written costs time the next run and nothing else."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=".static-", dir=folder.parent))
    except OSError:
        return
    try:
        static.save_pretrained(partial)
        shutil.rmtree(folder, ignore_errors=True)
        partial.replace(folder)
    except OSError:  # another process was faster, or the disk is full
        shutil.rmtree(partial, ignore_errors=True)
