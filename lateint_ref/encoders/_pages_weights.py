"""Weights of page encoders and their adapters from a checkpoint: every one of them, or a list of those missing."""

from __future__ import annotations

from collections import Counter
from typing import Any


def load_weights(model_class: Any, name: str, dtype: str) -> tuple[Any, list[str]]:
    """The model and the names of weights that the checkpoint did not hold."""
    # colpali-engine 0.3.18 renames the weights of published checkpoints through regular expressions, and its
    # save_pretrained writes the reversed expressions, backslashes included, as names. Undone first, the weights of
    # such a file are found as well, instead of being drawn anew.
    renaming = {r"\\\.": "."}
    for parent in reversed(model_class.__mro__):
        renaming |= parent.__dict__.get("_checkpoint_conversion_mapping") or {}
    model, info = model_class.from_pretrained(
        name, dtype=dtype, key_mapping=renaming, output_loading_info=True, use_safetensors=True
    )
    unset = sorted(info["missing_keys"]) + sorted(key[0] for key in info["mismatched_keys"])
    if model_class.__name__ == "ColPali" and model.model.lm_head.weight.is_meta:
        # Never read for vectors, and in files left out as tied to the input embeddings; but ColPali does not tie it.
        model.model.lm_head.weight = model.get_input_embeddings().weight
    return model, unset + [key for key, value in model.state_dict().items() if value.is_meta and key not in unset]


def load_adapter(model: Any, name: str) -> tuple[Any, list[str]]:
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


def require_none(unset: list[str], name: str) -> None:
    """Raise a `RuntimeError` that names weights which the checkpoint `name` left unset."""
    if unset:
        raise RuntimeError(
            f"the checkpoint {name} leaves {len(unset)} weights of the page encoder unset ({', '.join(unset[:4])}): "
            "they would be random numbers, and so would its vectors. It is incomplete, or was trained for something "
            "else; name a trained page encoder."
        )


def _mark(key: str, tensor: Any) -> tuple[str, bytes]:
    """What tells an adapter's weight from the others: its place in the network and its values."""
    import torch

    parts = key.split(".")
    place = parts[parts.index("layers") :] if "layers" in parts else parts[-3:]
    # In bfloat16, since weights may have been rounded to it on their way into the model.
    return ".".join(place), tensor.detach().to(torch.bfloat16).cpu().view(torch.uint8).numpy().tobytes()
