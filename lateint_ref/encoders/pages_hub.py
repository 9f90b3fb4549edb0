"""The published page encoders (ColPali, ColQwen2, ColQwen2.5, ColSmol, ColModernVBERT) through colpali-engine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from lateint_ref.checks import Float32Array, Int64Array, whole
from lateint_ref.encoders._pages_checks import check_pages
from lateint_ref.encoders._pages_grids import page_grid, patch_positions
from lateint_ref.encoders._pages_loading import load_page_model
from lateint_ref.encoders._quiet import quiet_loading
from lateint_ref.encoders._texts import batches, check_text, check_texts
from lateint_ref.multivectors import MultiVectors
from lateint_ref.pages import PageVectors
from lateint_ref.ragged import checked_ids


class HubPages:
    """A page encoder that colpali-engine can run.

    The engine's class is chosen by the checkpoint's config; adapters (vidore/colpali-v1.3, vidore/colqwen2-v1.0,
    vidore/colSmol-256M, ModernVBERT/colmodernvbert) are put on the base model that they name. Inputs are prepared
    by the model's own processor, prompt and query suffix included.

    Attributes:
        name: hub name or folder.
        dim: dimensions of a vector.
        family: name of the model's class in colpali-engine.
        device: where it runs.
        dtype: of its weights; the vectors are float32 in any case.
        model: the `colpali_engine` model itself.
        processor: its processor.
    """

    def __init__(self, name: str | os.PathLike[str], device: str | None = None, dtype: str | None = None) -> None:
        """Load model and processor.

        Args:
            name: hub name or folder.
            device: a torch device; by default CUDA where there is one, else Apple's MPS, else the CPU.
            dtype: `"bfloat16"`, `"float16"` or `"float32"`; by default bfloat16 on CUDA and MPS, float32 on the CPU.

        Raises:
            ModuleNotFoundError: colpali-engine is not installed.
            OSError: the model or its base cannot be had (`FileNotFoundError` for a folder).
            RuntimeError: a checkpoint, of the base or of the adapter, that leaves weights unset.
            TypeError: `name` is neither a name nor a path.
            ValueError: a model that is no page encoder of those supported, or another dtype.
        """
        if not isinstance(name, (str, os.PathLike)) or not str(name).strip():
            raise TypeError(f"name must be a hub name or a local folder, got {name!r}.")
        loaded = load_page_model(str(name), device, dtype)
        self.name = str(name)
        self.family, self.device, self.dtype = loaded.family, loaded.device, loaded.dtype
        self.model, self.processor = loaded.model, loaded.processor
        self.dim = int(self.model.dim)

    def encode_pages(
        self, images: Any, ids: Sequence[str] | None = None, batch_size: int = 4, progress: bool = False
    ) -> PageVectors:
        """The vectors of page images: one a patch, and the model's extra ones for its prompt and markers.

        Every page is opened and checked before the first is encoded, so that a bad page costs no work, and the error
        names all the bad ones: leave them out and call again.

        Args:
            images: list of `n` page images: PIL images in any mode, or paths of image files; sides of more than 4,000
                pixels are scaled down to that before the model's processor resizes the page.
            ids: one unique string a page; by default `"0"`, `"1"`, ...
            batch_size: pages a batch. The largest grids go first: what does not fit into memory shows at once.
            progress: show a progress bar.

        Returns:
            `PageVectors` of `n` pages, float32, unit length, in the order of `images`.

        Raises:
            TypeError: not a list, or an item that is neither an image nor a path (the page is named).
            FileNotFoundError: no such file (the page is named).
            ValueError: no pages, duplicate ids, or pages that cannot be read or encoded (each is named).
        """
        size = whole(batch_size, "batch_size")
        names, sizes, grids = self._check(images, ids)
        vectors: list[Float32Array] = [np.empty((0, 0), np.float32)] * len(names)
        patches: list[Int64Array] = [np.empty(0, np.int64)] * len(names)
        for batch in batches([rows * columns for rows, columns in grids], size, progress, "pages"):
            with quiet_loading():
                inputs = self.processor.process_images([_open(images[index]) for index in batch])
                is_image = inputs["input_ids"] == self.processor.image_token_id
                kept = inputs["attention_mask"].bool()
                found = self._vectors(inputs)
            for row, index in enumerate(batch):
                vectors[index] = found[row]
                patches[index] = patch_positions(
                    self.family, self.processor, grids[index], *sizes[index], is_image[row][kept[row]].numpy()
                )
        return PageVectors(MultiVectors.from_list(vectors, names), tuple(grids), tuple(patches))

    def encode_queries(
        self, texts: Any, ids: Sequence[str] | None = None, batch_size: int = 32, progress: bool = False
    ) -> MultiVectors:
        """The vectors of queries, with the model's own prefix and its ten augmentation tokens.

        Args:
            texts: list of `n` non-empty strings.
            ids: one unique string a text; by default `"0"`, `"1"`, ...
            batch_size: texts a batch.
            progress: show a progress bar.

        Returns:
            `MultiVectors` of `n` documents, float32, unit length, in the order of `texts`.

        Raises:
            TypeError: not a list of strings.
            ValueError: no texts, an empty one, or duplicate ids.
        """
        checked = check_texts(texts, "texts")
        names = checked_ids(ids, len(checked))
        vectors: list[Float32Array] = [np.empty((0, 0), np.float32)] * len(checked)
        for batch in batches([len(text) for text in checked], batch_size, progress, "queries"):
            with quiet_loading():
                inputs = self.processor.process_queries([checked[index] for index in batch])
                for index, found in zip(batch, self._vectors(inputs), strict=True):
                    vectors[index] = found
        return MultiVectors.from_list(vectors, names)

    def encode_query(self, text: str) -> Float32Array:
        """The vectors of one query, float32 `(n_q, dim)`. Raises as `encode_queries`."""
        query: Float32Array = self.encode_queries([check_text(text, "text")])[0]
        return query

    def tokens(self, text: str) -> list[str]:
        """The tokens of a query, one for each of its vectors, in their order, as the tokenizer spells them.

        Raises:
            TypeError, ValueError: not a string, or an empty one.
        """
        with quiet_loading():
            inputs = self.processor.process_queries([check_text(text, "text")])
        kept = inputs["input_ids"][0][inputs["attention_mask"][0].bool()]
        tokens: list[str] = self.processor.tokenizer.convert_ids_to_tokens(kept.tolist())
        return tokens

    def _check(
        self, images: Any, ids: Sequence[str] | None
    ) -> tuple[list[str], list[tuple[int, int]], list[tuple[int, int]]]:
        """Ids, sizes `(width, height)` and grids of pages that can all be encoded, or an error that names the rest."""
        names, seen = check_pages(
            images,
            ids,
            lambda page: (page.size, page_grid(self.family, self.processor, self.model.config, *page.size)),
        )
        return names, [size for size, _ in seen], [grid for _, grid in seen]

    def _vectors(self, inputs: Any) -> list[Float32Array]:
        """Run the model on a batch: for each of its sequences the vectors that are no padding, unit length."""
        import torch

        kept = inputs["attention_mask"].bool()
        # Labels would have ColPali compute a training loss, and its backbone the probabilities of every next token.
        inputs.pop("labels", None)
        extra = {"logits_to_keep": 1} if self.family == "ColPali" else {}
        # ColQwen's backbone keeps the last batch's position offsets for generating text, and would apply a page
        # batch's to the query that follows: an error where their sizes differ.
        if hasattr(self.model, "rope_deltas"):
            self.model.rope_deltas = None
        with torch.inference_mode():
            output = self.model(**inputs.to(self.device), **extra).float().cpu()
        found = [np.ascontiguousarray(vectors[mask].numpy()) for vectors, mask in zip(output, kept, strict=True)]
        # Again in float32: lengths rounded to bfloat16 are off by up to 1 in 250.
        return [vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in found]

    def __repr__(self) -> str:
        return f"HubPages({self.name}, {self.family}, {self.dim} dimensions, {self.dtype} on {self.device})"


def _open(source: Any) -> Any:
    from lateint_ref.page_io import open_image

    return open_image(source)
