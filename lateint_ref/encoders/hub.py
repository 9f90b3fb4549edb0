"""The published models behind the interface of the bundled ones, through Sentence Transformers, PyLate, colpali-engine.

The libraries do the work. What is added here: a checkpoint that leaves weights at random numbers is refused, errors say
what to do, and a page's vectors come with their grid. All encoders take a hub name or a folder and raise on loading:

- `OSError`: the model cannot be had (`FileNotFoundError` for a folder).
- `RuntimeError`: its checkpoint leaves weights unset.
"""

from __future__ import annotations

import errno
import json
import logging
import math
import os
import re
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from lateint_ref._checks import Float32Array, Int64Array, describe, positive_int
from lateint_ref.encoders.backbone import quiet_loading, reject_unset, unset_weights
from lateint_ref.encoders.base import (
    Kind,
    PairScorer,
    SingleVectorEncoder,
    TokenVectorEncoder,
    batches,
    check_text,
    check_texts,
)
from lateint_ref.encoders.pages import PageEncoder
from lateint_ref.multivectors import MultiVectors, _checked_ids
from lateint_ref.pagevectors import PageVectors

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
_CALLED = {"bi": "bi-encoder", "cross": "cross-encoder", "late": "late encoder", "pages": "page encoder"}
# Faults of this machine's disk, not of the hub: full, over quota, forbidden, read-only, broken, too many open files.
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.EMFILE)


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

    def __repr__(self) -> str:
        return f"HubLate({self.name}, {self.dim} dimensions)"


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
    """PyLate gives a checkpoint without a projection a random one: refuse it."""
    from sentence_transformers.util import load_file_path
    from transformers import AutoConfig

    modules = load_file_path(name, "modules.json")
    if modules is not None:
        types = [module["type"] for module in json.loads(Path(modules).read_text(encoding="utf-8"))]
        trained = any(kind.endswith("Dense") for kind in types)
    else:
        trained = "HF_ColBERT" in (AutoConfig.from_pretrained(name).architectures or [])
    if not trained:
        raise RuntimeError(
            f"the checkpoint {name} holds no projection, the last layer of a late encoder: it would be random numbers, "
            "and so would the results. Name a model that was trained as a ColBERT."
        )


def _require_markers(name: str, model: Any) -> None:
    """PyLate adds a marker that the vocabulary lacks, with a random vector: refuse it."""
    from transformers import AutoConfig, AutoTokenizer

    known = AutoTokenizer.from_pretrained(name).get_vocab()
    rows = AutoConfig.from_pretrained(name).get_text_config().vocab_size
    for marker in (model.query_prefix, model.document_prefix):
        if marker and known.get(marker, rows) >= rows:
            raise RuntimeError(
                f"the checkpoint {name} has no vector for the marker {marker!r}: it would be random numbers, and so "
                "would the results. Name a model that was trained as a ColBERT."
            )


# Loading: quietly, completely, and with errors that say what to do


@contextmanager
def _loading(name: str, kind: str) -> Iterator[None]:
    """Within the block a library loads the model `name`; afterwards a checkpoint that left weights unset is refused."""
    _check_folder(name, kind)
    with _available(name, kind), _reported() as unset:
        yield
    # Bi- and late encoders read token vectors, and nothing of a pooler.
    reject_unset([key for key in unset if kind == "cross" or "pooler." not in key], name, _CALLED[kind])


@contextmanager
def _reported() -> Iterator[list[str]]:
    """The weights that transformers reports as left unset within the block, as far as this thread loads.

    Sentence Transformers and PyLate do not pass transformers' loading information on; what is left is the table that
    it logs. There weights of several layers share a row: `layer.{0, 1}.output.dense.weight`.
    """
    unset: list[str] = []
    thread = threading.get_ident()
    row = re.compile(r"^(?:\x1b\[\d+m)*(\S.*?) *\| *(?:\x1b\[[\d;]+m)*(?:MISSING|MISMATCH)", re.MULTILINE)

    class Report(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == thread:
                unset.extend(row.findall(record.getMessage()))

    logger, report = logging.getLogger("transformers.modeling_utils"), Report()
    level, propagate = logger.level, logger.propagate
    logger.setLevel(logging.WARNING)  # quiet_loading, around this, turns its parents down
    logger.propagate = False
    logger.addHandler(report)
    try:
        yield unset
    finally:
        logger.removeHandler(report)
        logger.propagate = propagate
        logger.setLevel(level)


@contextmanager
def _available(name: str, kind: str, part: str | None = None) -> Iterator[None]:
    """Load quietly; an `OSError` says which part of the model `name` could not be had, why, and what to do."""
    part = name if part is None else part
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
        what = f"the {_CALLED[kind]} {name}" + (f" (its base model {part})" if part != name else "")
        for fault in faults:
            if fault.errno in _DISK:
                raise OSError(
                    fault.errno,
                    f"{what} could not be read or kept on this machine's disk: {fault.strerror}. Make room, or set "
                    "HF_HOME to a folder that can be written",
                    fault.filename,
                ) from error
        if Path(part).is_dir():
            raise OSError(f"the {_CALLED[kind]} in the folder {part} could not be read: {error}") from error
        from huggingface_hub.constants import HF_HUB_OFFLINE

        offline = "HF_HUB_OFFLINE is set and it is not in the local cache"
        raise OSError(
            f"{what} could not be loaded: {offline if HF_HUB_OFFLINE else 'the model hub did not serve it'}. The hub "
            f"profile runs on it. Either download it where the hub can be reached (hf download {part}), or set "
            f"{MODEL_VARIABLES[kind]} to a local folder, or set LATEINT_PROFILE=bundled, which needs no hub. "
            f"({type(error).__name__})"
        ) from error


def _check_folder(name: str, kind: str) -> None:
    files = ("config.json", "modules.json", "adapter_config.json")
    if Path(name).is_dir():
        if not any((Path(name) / file).is_file() for file in files):
            raise FileNotFoundError(
                f"the folder {name} holds no model: it has none of {', '.join(files)}. Give the folder that "
                "save_pretrained wrote."
            )
    elif name.startswith((".", "~", os.sep)) or Path(name).is_absolute():
        raise FileNotFoundError(f"there is no folder {name} to load a {_CALLED[kind]} from. Check the path.")


# Pages

# The classes of colpali-engine that are supported here: model -> processor, and what a config without a class of
# colpali-engine among its architectures is read as.
PROCESSORS = {
    "ColPali": "ColPaliProcessor",
    "ColQwen2": "ColQwen2Processor",
    "ColQwen2_5": "ColQwen2_5_Processor",
    "ColIdefics3": "ColIdefics3Processor",
    "ColModernVBert": "ColModernVBertProcessor",
}
_MODEL_TYPES = {
    "paligemma": "ColPali",
    "qwen2_vl": "ColQwen2",
    "qwen2_5_vl": "ColQwen2_5",
    "idefics3": "ColIdefics3",
    "modernvbert": "ColModernVBert",
}


class HubPages(PageEncoder):
    """A page encoder that colpali-engine can run: ColPali, ColQwen2, ColQwen2.5, ColSmol, ColModernVBERT.

    The engine's class is chosen by the checkpoint's config; adapters (vidore/colpali-v1.3, vidore/colqwen2-v1.0,
    vidore/colSmol-256M, ModernVBERT/colmodernvbert) are put on the base model that they name. Inputs are prepared
    by the model's own processor, prompt and query suffix (ten augmentation tokens) included. Batches take the largest
    grids first.

    Attributes:
        family: name of the model's class in colpali-engine.
        device: where it runs.
        dtype: of its weights; the vectors are float32 in any case.
        model: the `colpali_engine` model itself.
        processor: its processor.
    """

    def __init__(self, name: str | os.PathLike[str], device: str | None = None, dtype: str | None = None) -> None:
        """Load model and processor.

        Args:
            name: hub name or folder, of a whole model or of an adapter that names its base.
            device: a torch device; by default CUDA where there is one, else Apple's MPS, else the CPU.
            dtype: `"bfloat16"`, `"float16"` or `"float32"`; by default bfloat16 (which the published models were
                trained in) on CUDA and MPS, and float32 on the CPU and on GPUs that lack bfloat16.

        Raises:
            ModuleNotFoundError: colpali-engine is not installed.
            TypeError: `name` is neither a name nor a path.
            ValueError: a model that is no page encoder of those supported, or another dtype.
        """
        if not isinstance(name, (str, os.PathLike)) or not str(name).strip():
            raise TypeError(f"name must be a hub name or a local folder, got {name!r}.")
        self.name = str(name)
        _check_folder(self.name, "pages")
        self.device, self.dtype = _choose(device, dtype)
        with quiet_loading():
            try:
                import colpali_engine.models as engine
            except ModuleNotFoundError as error:
                raise ModuleNotFoundError(
                    f"page encoders run through colpali-engine, and {error.name} is not installed. Install it with: "
                    "pip install 'lateint_ref[pages]'. LATEINT_PROFILE=bundled does without.",
                    name=error.name,
                ) from error
        with _available(self.name, "pages"):
            base = _adapter_base(self.name)
        whole = base or self.name
        with _available(self.name, "pages", whole):
            self.family = _family(whole)
            model, unset = _load_weights(getattr(engine, self.family), whole, self.dtype)
        reject_unset(unset, whole, _CALLED["pages"])
        with _available(self.name, "pages"):
            if base is not None:
                model, unset = _load_adapter(model, self.name)
            source = self.name if base is None else _processor_source(self.name, base)
            self.processor: Any = getattr(engine, PROCESSORS[self.family]).from_pretrained(source)
        reject_unset(unset, self.name, _CALLED["pages"])
        self.model = model.to(self.device).eval().requires_grad_(False)
        self.dim = int(self.model.dim)

    def encode_queries(
        self, texts: Any, ids: Sequence[str] | None = None, batch_size: int = 32, progress: bool = False
    ) -> MultiVectors:
        """One vector a token of each query, with the model's own prefix and its ten augmentation tokens.

        Arguments, result and errors as `base.TokenVectorEncoder.encode_queries`.
        """
        checked = check_texts(texts, "texts")
        names = _checked_ids(ids, len(checked))
        size = positive_int(batch_size, "batch_size")
        vectors: list[Any] = [None] * len(checked)
        for batch in batches([len(text) for text in checked], size, progress, "queries"):
            with quiet_loading():
                found = self._vectors(self.processor.process_queries([checked[index] for index in batch]))
            for index, matrix in zip(batch, found, strict=True):
                vectors[index] = matrix
        return MultiVectors.from_list(vectors, names)

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

    def _look(self, page: Any) -> tuple[tuple[int, int], tuple[int, int]]:
        """Size `(width, height)` and grid `(rows, columns)`."""
        return page.size, page_grid(self.family, self.processor, self.model.config, *page.size)

    def _encode_pages(
        self, images: Any, names: list[str], seen: list[Any], batch_size: int, progress: bool
    ) -> PageVectors:
        from lateint_ref.pages import open_image

        vectors: list[Any] = [None] * len(names)
        patches: list[Any] = [None] * len(names)
        sizes, grids = zip(*seen, strict=True)
        for batch in batches([rows * columns for rows, columns in grids], batch_size, progress, "pages"):
            with quiet_loading():
                inputs = self.processor.process_images([open_image(images[index]) for index in batch])
                is_image = inputs["input_ids"] == self.processor.image_token_id
                kept = inputs["attention_mask"].bool()
                found = self._vectors(inputs)
            for row, index in enumerate(batch):
                (width, height), there = sizes[index], is_image[row][kept[row]].numpy()
                vectors[index] = found[row]
                patches[index] = patch_positions(self.family, self.processor, grids[index], width, height, there)
        return PageVectors(MultiVectors.from_list(vectors, names), grids, tuple(patches))

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


def page_grid(family: str, processor: Any, config: Any, width: int, height: int) -> tuple[int, int]:
    """The patch grid that a processor gives to a page image of this size in pixels: `(rows, columns)`.

    ColPali: fixed by the model. ColQwen2 and 2.5: whole visual tokens of the resized page. ColIdefics3 and
    ColModernVBert: the page is cut into square tiles, each encoded on its own to `image_seq_len` vectors, so the
    grid is that of all tiles together; where the page is not cut, the grid of the one image.

    Raises:
        NotImplementedError: tiles whose vectors form no square.
        ValueError: a page so long that the processor refuses it.
    """
    if family == "ColPali":
        columns, rows = processor.get_n_patches((width, height), patch_size=config.vision_config.patch_size)
    elif family.startswith("ColQwen2"):
        merge = config.vision_config.spatial_merge_size
        columns, rows = processor.get_n_patches((width, height), spatial_merge_size=merge)
    else:
        tile_rows, tile_columns = _tiles(processor, width, height)
        side = _tile_side(processor)
        rows, columns = max(tile_rows, 1) * side, max(tile_columns, 1) * side
    return int(rows), int(columns)


def patch_positions(
    family: str, processor: Any, grid: tuple[int, int], width: int, height: int, is_image: Any
) -> Int64Array:
    """Positions of a page's patch vectors among its vectors: int64 `(rows * columns,)`, row by row of its `grid`.

    Where a page is cut into tiles, the vectors of the small view of the whole page that follows them are not among
    these: they repeat the page at a coarser grid. `is_image`, bool `(n_vectors,)`, says which vectors stand for a part
    of the image: a `RuntimeError` where they are not as many as the grid has places.
    """
    positions = np.flatnonzero(np.asarray(is_image)).astype(np.int64)
    rows, columns = grid
    expected = rows * columns
    tiled = family in ("ColIdefics3", "ColModernVBert") and _tiles(processor, width, height) != (0, 0)
    if tiled:
        expected += int(processor.image_seq_len)
    if len(positions) != expected:
        raise RuntimeError(
            f"the processor made {len(positions)} image vectors of a page of {width} x {height} pixels, and its own "
            f"arithmetic says {expected} ({rows} x {columns} patches): it does not fit the model. Save processor and "
            "model together."
        )
    if not tiled:
        return positions
    side = _tile_side(processor)
    # Tile by tile, and row by row within a tile: (tile row, tile column, row, column) -> rows of the whole page.
    tiles = positions[: rows * columns].reshape(rows // side, columns // side, side, side)
    return np.ascontiguousarray(tiles.transpose(0, 2, 1, 3)).reshape(-1)


def _tiles(processor: Any, width: int, height: int) -> tuple[int, int]:
    """Rows and columns of tiles; (0, 0) where the page is not cut."""
    _, rows, columns = processor.image_processor.get_number_of_image_patches(height, width, {})
    return int(rows), int(columns)


def _tile_side(processor: Any) -> int:
    length = int(processor.image_seq_len)
    side = math.isqrt(length)
    if side * side != length:
        raise NotImplementedError(
            f"a tile becomes {length} vectors, which form no square: where on the page each of them lies is not "
            "known, so there is no patch grid for this model."
        )
    return side


def _choose(device: str | None, dtype: str | None) -> tuple[str, str]:
    import torch

    if device is None:
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if dtype is None:
        lacking = device.startswith("cuda") and not torch.cuda.is_bf16_supported(including_emulation=False)
        dtype = "float32" if lacking or device.startswith("cpu") else "bfloat16"
    if dtype not in ("bfloat16", "float16", "float32"):
        raise ValueError(f"dtype must be 'bfloat16', 'float16' or 'float32', got {describe(dtype)}.")
    return device, dtype


def _adapter_base(name: str) -> str | None:
    """The base model that an adapter was trained on, or None for a model that is no adapter."""
    from peft import PeftConfig
    from transformers.utils import find_adapter_config_file

    if find_adapter_config_file(name) is None:
        return None
    base = PeftConfig.from_pretrained(name).base_model_name_or_path
    if not base:
        raise ValueError(
            f"the adapter {name} names no base model: set base_model_name_or_path in its adapter_config.json."
        )
    return str(base)


def _family(name: str) -> str:
    from transformers import PreTrainedConfig

    config: dict[str, Any] = PreTrainedConfig.get_config_dict(name)[0]
    architectures, kind = config.get("architectures") or [], config.get("model_type")
    for architecture in architectures:
        if architecture in PROCESSORS:
            return str(architecture)
    # A config saved from the backbone's class, as some bases are; one whose weights lack the projection is refused
    # when they load.
    if kind in _MODEL_TYPES and not any(architecture.startswith("Bi") for architecture in architectures):
        return _MODEL_TYPES[kind]
    raise ValueError(
        f"{name} is no page encoder that is supported here: its config says {architectures or 'no architecture'} "
        f"(model_type {kind!r}). Supported are colpali-engine's {', '.join(PROCESSORS)}, as in vidore/colpali-v1.3 or "
        "vidore/colqwen2-v1.0; conversions for transformers (names that end in -hf) and models with one vector a "
        "page are not."
    )


def _processor_source(name: str, base: str) -> str:
    """Where the processor's files are: beside the adapter, as in the published ones, or else with its base."""
    from transformers.utils import cached_file

    for file in ("preprocessor_config.json", "processor_config.json"):
        if cached_file(name, file, _raise_exceptions_for_missing_entries=False) is not None:
            return name
    return base


def _load_weights(model_class: Any, name: str, dtype: str) -> tuple[Any, list[str]]:
    """The model, and the names of weights that the checkpoint did not hold."""
    # colpali-engine 0.3.18 renames the weights of published checkpoints through regular expressions, and its
    # save_pretrained writes the reversed expressions, backslashes included, as names. Undone first, the weights of
    # such a file are found as well, instead of being drawn anew.
    renaming = {r"\\\.": "."}
    for parent in reversed(model_class.__mro__):
        renaming |= parent.__dict__.get("_checkpoint_conversion_mapping") or {}
    model, info = model_class.from_pretrained(
        name, dtype=dtype, key_mapping=renaming, output_loading_info=True, use_safetensors=True
    )
    unset = unset_weights(info)
    if model_class.__name__ == "ColPali" and model.model.lm_head.weight.is_meta:
        # Never read for vectors, and in files left out as tied to the input embeddings; but ColPali does not tie it.
        model.model.lm_head.weight = model.get_input_embeddings().weight
    return model, unset + [key for key, value in model.state_dict().items() if value.is_meta and key not in unset]


def _load_adapter(model: Any, name: str) -> tuple[Any, list[str]]:
    """The model with an adapter's layers in place, and the names of adapter weights that are not those of the file.

    Through peft, not through `from_pretrained` of the model: that leaves the projection's adapter of a ColIdefics3,
    and layers of a ColQwen2 adapter saved with recent versions, at random numbers without an error.

    Raises:
        RuntimeError: the file holds weights for which the model has no place.
    """
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors.torch import load_file
    from transformers.utils import cached_file

    saved = load_file(cached_file(name, "adapter_model.safetensors"))
    adapted = PeftModel.from_pretrained(model, name)
    # Without embeddings: to decide whether they belong to the adapter, peft would ask the hub.
    here = get_peft_model_state_dict(adapted, save_embedding_layers=False)
    # peft only warns of missing weights. And names differ between versions in their first parts, so weights are
    # compared by the other parts and by their values.
    left = Counter(_mark(key, tensor) for key, tensor in saved.items())
    unset = []
    for key, tensor in here.items():
        if left[_mark(key, tensor)]:
            left[_mark(key, tensor)] -= 1
        else:
            unset.append(key)
    unused = [place for (place, _), count in left.items() if count]
    if unused and not unset:
        raise RuntimeError(
            f"the adapter {name} holds {len(unused)} weights that have no place in its model "
            f"({', '.join(unused[:4])}): its adapter_config.json or its base model is not the one of its training."
        )
    return adapted.base_model.model, unset


def _mark(key: str, tensor: Any) -> tuple[str, bytes]:
    """What tells an adapter's weight from the others: its place in the network and its values."""
    import torch

    parts = key.split(".")
    place = parts[parts.index("layers") :] if "layers" in parts else parts[-3:]
    # In bfloat16, since weights may have been rounded to it on their way into the model.
    return ".".join(place), tensor.detach().to(torch.bfloat16).cpu().view(torch.uint8).numpy().tobytes()
