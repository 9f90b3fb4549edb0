"""The published page encoders behind the interface of the bundled ones, through colpali-engine.

As in `hub`, the engine does the work, and a checkpoint that leaves weights at random numbers is refused. What is added
beyond that: a page's vectors come with their grid.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from typing import Any

import numpy as np

from lateint_ref.checks import Float32Array, Int64Array, one_of
from lateint_ref.encoders.backbone import quiet_loading, reject_unset, unset_weights
from lateint_ref.encoders.base import Kind, batches, check_text
from lateint_ref.encoders.hub import CALLED, available, check_folder, hub_name
from lateint_ref.encoders.pages import PageEncoder
from lateint_ref.multivectors import MultiVectors
from lateint_ref.pages import PageVectors

# The classes of colpali-engine that are supported: a model's processor, and the model type that a config without any of
# these classes among its architectures is read by.
FAMILIES = {
    "ColPali": ("ColPaliProcessor", "paligemma"),
    "ColQwen2": ("ColQwen2Processor", "qwen2_vl"),
    "ColQwen2_5": ("ColQwen2_5_Processor", "qwen2_5_vl"),
    "ColIdefics3": ("ColIdefics3Processor", "idefics3"),
    "ColModernVBert": ("ColModernVBertProcessor", "modernvbert"),
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
        self.name = hub_name(name)
        check_folder(self.name, "pages")
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
        with available(self.name, "pages"):
            base = _adapter_base(self.name)
        whole = base or self.name
        with available(self.name, "pages", whole):
            self.family = _family(whole)
            model, unset = _load_weights(getattr(engine, self.family), whole, self.dtype)
        reject_unset(unset, whole, CALLED["pages"])
        with available(self.name, "pages"):
            if base is not None:
                model, unset = _load_adapter(model, self.name)
            processor_class, _ = FAMILIES[self.family]
            source = self.name if base is None else _processor_source(self.name, base)
            self.processor: Any = getattr(engine, processor_class).from_pretrained(source)
        reject_unset(unset, self.name, CALLED["pages"])
        self.model = model.to(self.device).eval().requires_grad_(False)
        self.dim = int(self.model.dim)

    def tokens(self, text: str) -> list[str]:
        """The tokens of a query, one for each of its vectors, in their order, as the tokenizer spells them."""
        with quiet_loading():
            inputs = self.processor.process_queries([check_text(text, "text")])
        kept = inputs["input_ids"][0][inputs["attention_mask"][0].bool()]
        tokens: list[str] = self.processor.tokenizer.convert_ids_to_tokens(kept.tolist())
        return tokens

    def _encode(self, texts: list[str], kind: Kind, batch_size: int, progress: bool) -> list[Float32Array]:
        vectors: list[Any] = [None] * len(texts)
        for batch in batches([len(text) for text in texts], batch_size, progress, "queries"):
            with quiet_loading():
                found = self._vectors(self.processor.process_queries([texts[index] for index in batch]))
            for index, matrix in zip(batch, found, strict=True):
                vectors[index] = matrix
        return vectors

    def _look(self, page: Any) -> tuple[tuple[int, int], tuple[int, int]]:
        """Size `(width, height)` and grid `(rows, columns)`."""
        return page.size, page_grid(self.family, self.processor, self.model.config, *page.size)

    def _encode_pages(
        self, images: Any, names: list[str], seen: list[Any], batch_size: int, progress: bool
    ) -> PageVectors:
        from lateint_ref.page_io import open_image

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
        tile_rows, tile_columns, side = _tiles(processor, width, height)
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
    tiled, _, side = _tiles(processor, width, height) if family in ("ColIdefics3", "ColModernVBert") else (0, 0, 0)
    expected = rows * columns + (int(processor.image_seq_len) if tiled else 0)
    if len(positions) != expected:
        raise RuntimeError(
            f"the processor made {len(positions)} image vectors of a page of {width} x {height} pixels, and its own "
            f"arithmetic says {expected} ({rows} x {columns} patches): it does not fit the model. Save processor and "
            "model together."
        )
    if not tiled:
        return positions
    # Tile by tile, and row by row within a tile: (tile row, tile column, row, column) -> rows of the whole page.
    tiles = positions[: rows * columns].reshape(rows // side, columns // side, side, side)
    return np.ascontiguousarray(tiles.transpose(0, 2, 1, 3)).reshape(-1)


def _tiles(processor: Any, width: int, height: int) -> tuple[int, int, int]:
    """Rows and columns of tiles, 0 where the page is not cut, and patches along a tile's side."""
    _, rows, columns = processor.image_processor.get_number_of_image_patches(height, width, {})
    length = int(processor.image_seq_len)
    side = math.isqrt(length)
    if side * side != length:
        raise NotImplementedError(
            f"a tile becomes {length} vectors, which form no square: where on the page each of them lies is not "
            "known, so there is no patch grid for this model."
        )
    return int(rows), int(columns), side


def _choose(device: str | None, dtype: str | None) -> tuple[str, str]:
    import torch

    if device is None:
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if dtype is None:
        lacking = device.startswith("cuda") and not torch.cuda.is_bf16_supported(including_emulation=False)
        dtype = "float32" if lacking or device.startswith("cpu") else "bfloat16"
    return device, one_of(dtype, ["bfloat16", "float16", "float32"], "dtype")


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
    """The class of colpali-engine that a model's config asks for."""
    from transformers import PreTrainedConfig

    config: dict[str, Any] = PreTrainedConfig.get_config_dict(name)[0]
    architectures, kind = config.get("architectures") or [], config.get("model_type")
    named = [family for family in FAMILIES if family in architectures]
    # A config saved from the backbone's class, as some bases are; one whose weights lack the projection is refused
    # when they load.
    if not named and not any(architecture.startswith("Bi") for architecture in architectures):
        named = [family for family, (_, model_type) in FAMILIES.items() if model_type == kind]
    if not named:
        raise ValueError(
            f"{name} is no page encoder that is supported here: its config says {architectures or 'no architecture'} "
            f"(model_type {kind!r}). Supported are colpali-engine's {', '.join(FAMILIES)}, as in vidore/colpali-v1.3 "
            "or vidore/colqwen2-v1.0; conversions for transformers (names that end in -hf) and models with one vector "
            "a page are not."
        )
    return named[0]


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
    in_file = Counter(_mark(*item) for item in saved.items())
    in_model = Counter(_mark(*item) for item in here.items())
    unset = [place for place, _ in (in_model - in_file).elements()]
    unused = [place for place, _ in (in_file - in_model).elements()]
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
