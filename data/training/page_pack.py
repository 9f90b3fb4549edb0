"""Everything that training the page encoder reads, in one folder of at most 64 MiB: texts, fonts, late encoder.

    python data/training/page_pack.py --pairs FOLDER --fonts '/usr/share/fonts/**/*.[ot]tf' --out FOLDER
    python data/training/page_pack.py --late trained --out ...      # against the late encoder that was trained
    python data/training/page_pack.py --only late --late trained --out ...      # put another late encoder into a pack

`--pairs` names a folder with `NAME.jsonl.gz`, `query` and `passage` a line. Without one the documentation of the
installed packages is drawn, with its titles as questions. `--fonts` is a pattern and may be given several times;
without one the fonts that matplotlib ships are used. Only the letters of ASCII are kept of each font.

The folder: `texts.jsonl.gz` (`passage`, `questions`; the last fiftieth is held out), `fonts/`, `tokenizer.json`,
`late.safetensors` (word vectors in 8 bits with a scale each, all else in half precision) and `pack.json`.
"""

import argparse
import glob
import gzip
import json
import random
import re
import string
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tqdm.auto import tqdm

# Sources of which pages are drawn, and how many passages at most: none under a non-commercial licence.
SOURCES = {
    "squad_dev": 2100,
    "nq_small": 5500,
    "boolq": 5500,
    "bioasq": 6000,
    "medquad": 9000,
    "covidqa": 1600,
    "pubmedqa": 1000,
    "selqa": 1500,
    "hybridqa_passages": 2400,
    "fairytaleqa": 3300,
    "wikitablequestions": 2000,
    "fetaqa": 2500,
    "policyqa": 1000,
    "arxiv_title_abstract": 8000,
    "tldr": 2000,
    "codenn": 1000,
}
QUESTIONS = 3  # of a passage at most
LETTERS = 900  # of a passage at most
# Too thin for 10 pixels, or no letters at all.
UNFIT = re.compile(
    r"(Math|Symbol|Emoji|Hairline|Thin|ExtraLight|Icon|cmex|cmsy|cmmi|STIXSiz|STIXNon|Display|Braille|Initials)", re.I
)
HELD = "Caladea|OpenSans|STIXGeneral"  # families that only measuring uses


def texts(folder: Path | None, seed: int) -> list[dict]:
    """Passages with their questions, in random order."""
    found: dict[str, list[str]] = {}
    if folder is None:
        from workbook.training_sources import python_sections

        for section in python_sections():
            found.setdefault(section.text[:LETTERS], [section.title])
            if len(found) == 20_000:
                break
    else:
        for name, most in SOURCES.items():
            if not (folder / f"{name}.jsonl.gz").is_file():
                continue
            mine: dict[str, list[str]] = {}
            with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
                for line in lines:
                    pair = json.loads(line)
                    passage = " ".join(pair["passage"].split())[:LETTERS]
                    if len(passage.split()) >= 12:
                        mine.setdefault(passage, []).append(" ".join(pair["query"].split()))
            rows = list(mine.items())
            random.Random(seed).shuffle(rows)
            found |= dict(rows[:most])
    rows = [{"passage": passage, "questions": questions[:QUESTIONS]} for passage, questions in found.items()]
    random.Random(seed).shuffle(rows)
    return rows


def fonts(patterns: list[str], out: Path, most: int, seed: int) -> list[str]:
    """Copies of fonts with the letters of ASCII alone; their names, upright ones first in number."""
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont, TTLibError

    if not patterns:
        import matplotlib

        patterns = [str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "*.ttf")]
    paths = sorted(
        {
            path
            for pattern in patterns
            for path in glob.glob(pattern, recursive=True)  # noqa: PTH207 (patterns may be absolute)
            if not UNFIT.search(Path(path).stem)
        }
    )
    leaning = [path for path in paths if re.search(r"(Italic|Oblique)", path)]
    upright = [path for path in paths if path not in leaning]
    rng = random.Random(seed)
    rng.shuffle(leaning)
    rng.shuffle(upright)
    chosen = upright[: most - min(len(leaning), most // 6)]
    chosen += leaning[: most - len(chosen)]
    out.mkdir(parents=True, exist_ok=True)
    options = Options(drop_tables=["GSUB", "GPOS", "GDEF", "kern", "FFTM", "DSIG"], hinting=True, notdef_outline=True)
    names = []
    for path in tqdm(sorted(chosen), desc="fonts"):
        try:
            font = TTFont(path, fontNumber=0)
            if not {ord(letter) for letter in string.ascii_letters + string.digits} <= set(font.getBestCmap() or {}):
                continue
            cutter = Subsetter(options)
            cutter.populate(text=string.printable)
            cutter.subset(font)
            font.save(out / Path(path).name)
        except (TTLibError, OSError, KeyError, AssertionError) as error:
            print(f"left out {Path(path).name}: {error}")
            continue
        names.append(Path(path).name)
    return names


def late(name: str, out: Path) -> dict:
    """Write a late encoder's network; its settings."""
    from transformers import BertConfig

    from lateint_ref.encoders import backbone_path, load_late
    from lateint_ref.encoders.backbone import load_backbone
    from lateint_ref.encoders.late import load_trained_late

    encoder = (
        load_late()
        if name == "untrained"
        else load_late("trained")
        if name == "trained"
        else load_trained_late(Path(name))
    )
    tensors = {key: value.numpy() for key, value in encoder._model.state_dict().items() if value.is_floating_point()}
    words = tensors.pop("embeddings.word_embeddings.weight")
    scale = np.abs(words).max(axis=1, keepdims=True) / 127
    packed = {key: value.astype(np.float16) for key, value in tensors.items()}
    packed |= {"words": np.rint(words / scale).astype(np.int8), "words_scale": scale.astype(np.float32)}
    packed["projection.weight"] = encoder._projection.astype(np.float16)
    out.mkdir(parents=True, exist_ok=True)
    save_file({key: np.ascontiguousarray(value) for key, value in packed.items()}, out / "late.safetensors")
    _, tokenizer = load_backbone()
    (out / "tokenizer.json").write_bytes((backbone_path() / "tokenizer.json").read_bytes())
    return {
        "late": name if name in ("trained", "untrained") else "trained",
        "late_name": encoder.name,
        "markers": [encoder._marker_ids["query"], encoder._marker_ids["document"]],
        "punctuation": tokenizer.convert_tokens_to_ids(list(string.punctuation)),
        "network": BertConfig.from_pretrained(backbone_path()).to_diff_dict(),
    }


def main() -> None:
    """Pack."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=Path, help="folder with NAME.jsonl.gz; without it installed documentation")
    parser.add_argument("--fonts", action="append", default=[], metavar="PATTERN")
    parser.add_argument("--most-fonts", type=int, default=90)
    parser.add_argument("--held-fonts", default=HELD, help="pattern of the fonts that only measuring uses")
    parser.add_argument(
        "--late", default="untrained", help="'untrained', 'trained', or a folder of a trained late encoder"
    )
    parser.add_argument("--only", nargs="+", choices=["late", "texts", "fonts"], default=["late", "texts", "fonts"])
    parser.add_argument("--out", type=Path, default=Path("build/training/page-pack"))
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    wanted.out.mkdir(parents=True, exist_ok=True)
    path = wanted.out / "pack.json"
    card = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if "texts" in wanted.only:
        rows = texts(wanted.pairs, wanted.seed)
        with gzip.open(wanted.out / "texts.jsonl.gz", "wt", compresslevel=6, encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
        card["passages"] = len(rows)
    if "fonts" in wanted.only:
        names = fonts(wanted.fonts, wanted.out / "fonts", wanted.most_fonts, wanted.seed)
        held = [name for name in names if re.search(wanted.held_fonts, name)]
        if len(held) == len(names):
            held = []
        card |= {"held_fonts": held, "fonts": [name for name in names if name not in held]}
    if "late" in wanted.only:
        card |= late(wanted.late, wanted.out)
    path.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    size = sum(file.stat().st_size for file in wanted.out.rglob("*") if file.is_file()) / 2**20
    counted = {key: len(value) if isinstance(value, list) else value for key, value in card.items() if key != "network"}
    print(f"{wanted.out}: {size:.1f} MiB, {counted}")


if __name__ == "__main__":
    main()
