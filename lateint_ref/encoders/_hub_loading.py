"""Loading from a hub name or a folder: quietly, completely, and with errors that say what to do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lateint_ref.encoders._quiet import quiet_loading

_NAMES = {"bi": "bi-encoder", "cross": "cross-encoder", "late": "late encoder"}


@dataclass
class Loaded:
    """What one load set, as far as transformers tells.

    Attributes:
        unset: names of weights that the checkpoint did not hold, or held in another shape.
        embeddings: input embedding matrices as they were in the checkpoints.
    """

    unset: list[str] = field(default_factory=list)
    embeddings: list[Any] = field(default_factory=list)


@contextmanager
def loading(name: str, kind: str) -> Iterator[Loaded]:
    """Within the block load the model `name`; on leaving, reject a checkpoint that left weights unset.

    A pooler is not counted for bi- and late encoders: they read token vectors, and nothing of it.

    Args:
        name: hub name or folder.
        kind: `"bi"`, `"cross"` or `"late"`, for the messages.

    Raises:
        FileNotFoundError: `name` is a folder's and there is none, or the folder holds no model.
        OSError: the hub does not serve the model, or is out of reach.
        RuntimeError: weights left unset.
    """
    _check_folder(name, kind)
    with quiet_loading(), _recording() as loaded:
        try:
            yield loaded
        except ModuleNotFoundError:
            raise
        except Exception as error:
            if not _is_unavailable(error):
                raise
            raise OSError(_unavailable_message(name, kind, error)) from error
    unset = [key for key in loaded.unset if kind == "cross" or "pooler." not in key]
    if unset:
        raise RuntimeError(
            f"the checkpoint {name} leaves {len(unset)} weights of the {_NAMES[kind]} unset ({', '.join(unset[:4])}): "
            "they would be random numbers, and so would its results. It is incomplete, or was trained for something "
            f"else; name a trained {_NAMES[kind]}."
        )


def _check_folder(name: str, kind: str) -> None:
    looks_local = name.startswith((".", "~", os.sep)) or Path(name).is_absolute()
    folder = Path(name)
    if folder.is_dir():
        if not any((folder / file).is_file() for file in ("config.json", "modules.json")):
            raise FileNotFoundError(
                f"the folder {name} holds no model: it has neither config.json nor modules.json. Give the folder that "
                "save_pretrained wrote."
            )
    elif looks_local:
        raise FileNotFoundError(f"there is no folder {name} to load a {_NAMES[kind]} from. Check the path.")


def _is_unavailable(error: BaseException) -> bool:
    """Whether an error, or one that caused it, says that the model's files could not be had."""
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, (OSError, HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled)):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def _unavailable_message(name: str, kind: str, error: Exception) -> str:
    from huggingface_hub.constants import HF_HUB_OFFLINE

    from lateint_ref.encoders.profiles import MODEL_VARIABLES

    if Path(name).is_dir():
        return f"the {_NAMES[kind]} in the folder {name} could not be read: {error}"
    why = (
        "HF_HUB_OFFLINE is set and it is not in the local cache" if HF_HUB_OFFLINE else "the model hub did not serve it"
    )
    return (
        f"the {_NAMES[kind]} {name} could not be loaded: {why}. The hub profile runs on it. Either download it where "
        f"the hub can be reached (hf download {name}), or set {MODEL_VARIABLES[kind]} to a local folder, or set "
        f"LATEINT_PROFILE=bundled, which needs no hub. ({type(error).__name__})"
    )


@contextmanager
def _recording() -> Iterator[Loaded]:
    """Note what every `from_pretrained` within the block left unset.

    sentence-transformers and PyLate do not pass transformers' loading information on, so it is read where it arises.
    """
    from transformers import PreTrainedModel

    loaded = Loaded()
    original = PreTrainedModel.__dict__["from_pretrained"]

    def from_pretrained(cls: Any, /, *args: Any, output_loading_info: bool = False, **kwargs: Any) -> Any:
        model, info = original.__func__(cls, *args, output_loading_info=True, **kwargs)
        loaded.unset += sorted(info["missing_keys"]) + sorted(key[0] for key in info["mismatched_keys"])
        if model.get_input_embeddings() is not None:
            loaded.embeddings.append(model.get_input_embeddings().weight.detach())
        return (model, info) if output_loading_info else model

    PreTrainedModel.from_pretrained = classmethod(from_pretrained)
    try:
        yield loaded
    finally:
        PreTrainedModel.from_pretrained = original
