"""Loading a page encoder of colpali-engine: its classes from the checkpoint, quietly, and whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lateint_ref.checks import describe
from lateint_ref.encoders._hub_loading import _is_unavailable
from lateint_ref.encoders._pages_weights import load_adapter, load_weights, require_none
from lateint_ref.encoders._quiet import quiet_loading

# The classes of colpali-engine that are supported here: model -> processor.
PROCESSORS = {
    "ColPali": "ColPaliProcessor",
    "ColQwen2": "ColQwen2Processor",
    "ColQwen2_5": "ColQwen2_5_Processor",
    "ColIdefics3": "ColIdefics3Processor",
    "ColModernVBert": "ColModernVBertProcessor",
}
# What a config without a class of colpali-engine among its architectures is read as.
_MODEL_TYPES = {
    "paligemma": "ColPali",
    "qwen2_vl": "ColQwen2",
    "qwen2_5_vl": "ColQwen2_5",
    "idefics3": "ColIdefics3",
    "modernvbert": "ColModernVBert",
}


@dataclass(frozen=True)
class LoadedPages:
    """A page encoder, ready to run.

    Attributes:
        family: name of its class in colpali-engine.
        model: that class, in evaluation mode, on `device`, its weights in `dtype`; adapters are not merged.
        processor: turns page images and queries into its inputs.
        device: `"cuda"`, `"mps"`, `"cpu"`, or what the caller named.
        dtype: `"bfloat16"`, `"float16"` or `"float32"`.
    """

    family: str
    model: Any
    processor: Any
    device: str
    dtype: str


def load_page_model(name: str, device: str | None = None, dtype: str | None = None) -> LoadedPages:
    """Load model and processor from a hub name or a folder, of a whole model or of an adapter that names its base.

    Args:
        name: hub name or folder.
        device: a torch device; by default CUDA where there is one, else Apple's MPS, else the CPU.
        dtype: of the weights; by default bfloat16 (which the published models were trained in) on CUDA and MPS, and
            float32 on the CPU and on GPUs that lack bfloat16.

    Raises:
        ModuleNotFoundError: colpali-engine is not installed.
        FileNotFoundError, OSError: the model or its base cannot be had.
        RuntimeError: a checkpoint that leaves weights unset.
        ValueError: a model that is no page encoder of those supported, or a dtype other than the three.
    """
    _check_folder(name)
    chosen_device, chosen_dtype = _choose(device, dtype)
    with quiet_loading():
        try:
            import colpali_engine.models as engine
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f"page encoders run through colpali-engine, and {error.name} is not installed. Install it with: pip "
                "install 'lateint_ref[pages]'. LATEINT_PROFILE=bundled does without.",
                name=error.name,
            ) from error
        base = _adapter_base(name)
        with _available(name, base or name):
            family = _family(name, _config(base or name))
            model, unset = load_weights(getattr(engine, family), base or name, chosen_dtype)
        require_none(unset, base or name)
        if base is not None:
            with _available(name, name):
                model, unset = load_adapter(model, name)
            require_none(unset, name)
        with _available(name, name):
            processor = getattr(engine, PROCESSORS[family]).from_pretrained(_processor_source(name, base))
    model = model.to(chosen_device).eval().requires_grad_(False)
    return LoadedPages(family, model, processor, chosen_device, chosen_dtype)


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


def _check_folder(name: str) -> None:
    folder = Path(name)
    if folder.is_dir():
        if not any((folder / file).is_file() for file in ("config.json", "adapter_config.json")):
            raise FileNotFoundError(
                f"the folder {name} holds no model: it has neither config.json nor adapter_config.json. Give the "
                "folder that save_pretrained wrote."
            )
    elif name.startswith((".", "~", os.sep)) or folder.is_absolute():
        raise FileNotFoundError(f"there is no folder {name} to load a page encoder from. Check the path.")


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


def _config(name: str) -> dict[str, Any]:
    from transformers import PreTrainedConfig

    config: dict[str, Any] = PreTrainedConfig.get_config_dict(name)[0]
    return config


def _family(name: str, config: dict[str, Any]) -> str:
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


def _processor_source(name: str, base: str | None) -> str:
    """Where the processor's files are: beside the adapter, as in the published ones, or else with its base."""
    from transformers.utils import cached_file

    if base is None:
        return name
    for file in ("preprocessor_config.json", "processor_config.json"):
        if cached_file(name, file, _raise_exceptions_for_missing_entries=False) is not None:
            return name
    return base


@contextmanager
def _available(name: str, part: str) -> Iterator[None]:
    """Say which part of the model `name` could not be had, why, and what to do."""
    try:
        yield
    except (ModuleNotFoundError, UnicodeError):
        raise
    except Exception as error:
        if not _is_unavailable(error):
            raise
        raise OSError(_unavailable_message(name, part, error)) from error


def _unavailable_message(name: str, part: str, error: Exception) -> str:
    from huggingface_hub.constants import HF_HUB_OFFLINE

    from lateint_ref.encoders.profiles import MODEL_VARIABLES

    if Path(part).is_dir():
        return f"the page encoder in the folder {part} could not be read: {error}"
    why = (
        "HF_HUB_OFFLINE is set and it is not in the local cache" if HF_HUB_OFFLINE else "the model hub did not serve it"
    )
    what = name if part == name else f"{name} could not be loaded: its base model {part}"
    variable = f"set {MODEL_VARIABLES['pages']} to a local folder" if "pages" in MODEL_VARIABLES else "name a folder"
    return (
        f"the page encoder {what} could not be loaded: {why}. Either download it where the hub can be reached "
        f"(hf download {part}), or {variable}, or set LATEINT_PROFILE=bundled, which needs no hub. "
        f"({type(error).__name__})"
    )
