"""Distil the table of static embeddings from the backbone.

Every token of the vocabulary goes through the backbone once, alone; PCA and a weight that falls with a token's rank do
the rest (Tulkens and van Dongen, "Model2Vec", 2024). `python data/models/static-256/make.py`, about 20 seconds on two
cores, with a progress bar that TQDM_DISABLE=1 turns off.
"""

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path

import model2vec.distill
import torch
from transformers import AutoTokenizer, BertModel

from lateint_ref.encoders import backbone
from lateint_ref.encoders.single import STATIC_DIM, STATIC_FILES, STATIC_RECORD, StaticEncoder, static_folder

SIF = 1e-5  # weight sif / (sif + p) of a token of probability p, from its rank by Zipf's law; best of six on dev


def distil(folder: Path) -> None:
    """Distil the table and write it, in float16, and at last its digests: what was cut short does not fit them.

    Args:
        folder: made if need be; other files in it stay.
    """
    with backbone.quiet_loading(), tempfile.TemporaryDirectory() as temporary:
        path, partial = backbone.backbone_path(), Path(temporary)
        model = BertModel.from_pretrained(path, add_pooling_layer=False, dtype=torch.float32, local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
        model2vec.distill.distill_from_model(
            model, tokenizer, device="cpu", pca_dims=STATIC_DIM, sif_coefficient=SIF, quantize_to="float16"
        ).save_pretrained(partial)
        settings = json.loads((partial / "config.json").read_text(encoding="utf-8"))
        settings["tokenizer_name"] = backbone.NAME  # not the folder in which this machine has it
        (partial / "config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        folder.mkdir(parents=True, exist_ok=True)
        for name in STATIC_FILES:
            shutil.copyfile(partial / name, folder / name)
        backbone.write_digests(folder, STATIC_RECORD, STATIC_FILES)


def main() -> None:
    """Make the file of this folder again, or another in `--out`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=static_folder(), help="folder to write to")
    arguments = parser.parse_args()
    started = time.perf_counter()
    distil(arguments.out)
    encoder = StaticEncoder(arguments.out)
    seconds = time.perf_counter() - started
    print(f"{len(encoder._model.embedding):,} tokens, {encoder.dim} dimensions, {seconds:.0f} s.")


if __name__ == "__main__":
    main()
