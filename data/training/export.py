"""A checkpoint to what `load_late("trained")` and `load_cross("trained")` read, what was added to a matrix in 8 bits.

    python data/training/export.py late build/training/late/step-2000.safetensors --blend 0.7 --out late-trained
    python data/training/export.py cross gpu/cross-1.safetensors gpu/cross-2.safetensors --out cross-trained

`--blend` mixes the trained weights with the untrained ones, weight by weight: what was learned on one kind of text
often costs a little elsewhere, and a mixture keeps most of the first and loses little of the second (Wortsman et al.,
"Robust fine-tuning of zero-shot models", CVPR 2022). Choose it on held-out questions and dev splits, not on test sets.
"""

import argparse
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from lateint_ref.encoders.backbone import backbone_path, load_backbone
from lateint_ref.encoders.late import LateConfig, load_projection, projection_folder
from lateint_ref.encoders.trained import write_trained


def trained(files: list[Path]) -> dict[str, Tensor]:
    """The averaged weights of one checkpoint, which may lie in several files, by the backbone's names."""
    found: dict[str, Tensor] = {}
    for path in files:
        found |= {name: value for name, value in load_file(path).items() if name.startswith("average.")}
    names = {name: name.removeprefix("average.").removeprefix("backbone.") for name in found}
    return {names[name]: value.float() for name, value in found.items() if names[name] != "log_scale"}


def untrained(kind: str) -> dict[str, Tensor]:
    """The weights that training started from, by the same names."""
    model, _ = load_backbone()
    found = {name: value for name, value in model.state_dict().items() if name.startswith("encoder.")}
    words = model.embeddings.word_embeddings.weight
    if kind == "late":
        projection = torch.from_numpy(load_projection(projection_folder()))
        return found | {"projection.weight": projection, "markers": words[1:3]}
    package = load_file(backbone_path() / "model.safetensors")
    own = {name: package[name] for name in package if name.startswith(("pooler.", "embeddings.token_type_embeddings"))}
    return found | own | {"classifier.weight": torch.zeros(1, len(words[0])), "classifier.bias": torch.zeros(1)}


def main() -> None:
    """Blend and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["late", "cross"])
    parser.add_argument("files", type=Path, nargs="+", help="one checkpoint")
    parser.add_argument("--blend", type=float, default=1.0, help="share of the trained weights")
    parser.add_argument("--out", type=Path, required=True)
    wanted = parser.parse_args()
    start, end = untrained(wanted.kind), trained(wanted.files)
    if "markers" in end:  # kept as what is added to the word vectors
        end["markers"] = start["markers"] + end["markers"]
    # What a checkpoint does not hold was frozen.
    tensors = {name: torch.lerp(value, end.get(name, value), wanted.blend) for name, value in start.items()}
    config = LateConfig.load(projection_folder() / "config.json") if wanted.kind == "late" else None
    write_trained(wanted.out, wanted.kind, tensors, config)
    print(f"{wanted.out}: {sum(path.stat().st_size for path in wanted.out.iterdir()) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
