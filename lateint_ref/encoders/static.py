"""Static embeddings: a table with one vector a token; a text is the mean of its tokens' vectors.

Source: Tulkens and van Dongen, "Model2Vec: Fast State-of-the-Art Static Embeddings", 2024. Every token of the
vocabulary goes through the backbone once, alone; PCA and a weight that falls with a token's rank do the rest.
`python -m lateint_ref.encoders.static` distils the bundled table again.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lateint_ref.checks import Float32Array
from lateint_ref.encoders import backbone
from lateint_ref.encoders._quiet import quiet_loading
from lateint_ref.encoders._texts import check_texts
from lateint_ref.encoders._weights import check_digests, write_digests

DIM = 256
SIF = 1e-5  # weight sif / (sif + p) of a token of probability p, from its rank by Zipf's law; best of six on dev
_FILES = ("config.json", "model.safetensors", "tokenizer.json")  # model2vec's names
_RECORD = "static.json"


def static_folder() -> Path:
    """The folder of the bundled table, `models/static-256` of the data folder (see `datasets.data_folder`)."""
    from lateint_ref.datasets import data_folder

    return data_folder() / "models" / f"static-{DIM}"


class StaticEncoder:
    """Static embeddings that model2vec distilled from the bundled backbone.

    Attributes:
        name: the model's name.
        dim: dimensions of a vector.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Read the table.

        Args:
            folder: what `distil` wrote; by default the bundled one.

        Raises:
            FileNotFoundError: a file is missing.
            ValueError: a file is damaged: its digest is not the one in `static.json`.
        """
        source = static_folder() if folder is None else folder
        check_files(source)
        with quiet_loading():
            from model2vec import StaticModel

            # Stored in float16, which changed no query's nDCG@10; means are taken in float32.
            self._model = StaticModel.from_pretrained(source, quantize_to="float32")
        self.dim = int(self._model.embedding.shape[1])
        self.name = f"{backbone.NAME}, static, {self.dim} dimensions"

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


def check_files(folder: Path) -> None:
    """Compare the table's files with the digests that were written beside them.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is not what was written.
    """
    check_digests(folder, _RECORD, _FILES, "Static embeddings are read from it.")


def distil(folder: Path) -> None:
    """Distil the table and write it, in float16, and at last its digests: what was cut short does not fit them.

    About 20 seconds on two cores, with a progress bar (which `TQDM_DISABLE=1` turns off).

    Args:
        folder: made if need be; other files in it stay.

    Raises:
        ModuleNotFoundError, FileNotFoundError, ValueError: the backbone is missing or damaged.
        OSError: `folder` cannot be written.
    """
    with quiet_loading(), tempfile.TemporaryDirectory() as temporary:
        import torch
        from model2vec.distill import distill_from_model
        from transformers import AutoTokenizer, BertModel

        path = backbone.backbone_path()
        model = BertModel.from_pretrained(path, add_pooling_layer=False, dtype=torch.float32, local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
        partial = Path(temporary)
        distill_from_model(
            model, tokenizer, device="cpu", pca_dims=DIM, sif_coefficient=SIF, quantize_to="float16"
        ).save_pretrained(partial)
        settings = json.loads((partial / "config.json").read_text(encoding="utf-8"))
        settings["tokenizer_name"] = backbone.NAME  # not the folder in which this machine has it
        (partial / "config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        folder.mkdir(parents=True, exist_ok=True)
        for name in _FILES:
            shutil.copyfile(partial / name, folder / name)
        write_digests(folder, _RECORD, _FILES)


def main(argv: Sequence[str] | None = None) -> int:
    """Distil the bundled table again."""
    parser = argparse.ArgumentParser(prog="python -m lateint_ref.encoders.static", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=static_folder(), help="folder to write to")
    arguments = parser.parse_args(argv)
    started = time.perf_counter()
    distil(arguments.out)
    encoder = StaticEncoder(arguments.out)
    seconds = time.perf_counter() - started
    print(f"{len(encoder._model.embedding):,} tokens, {encoder.dim} dimensions, {seconds:.0f} s.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
