"""Pairs of question and passage to one packed folder: capped, clustered, tokenised, held-out questions set apart.

    python data/training/pool.py --pairs FOLDER --out build/training/pack

`FOLDER` holds `NAME.jsonl.gz` for each of `SOURCES`, `query` and `passage` a line.

A batch of random pairs teaches little: its passages have nothing in common. So pairs are put together in clusters of
24 of one source whose passages are neighbours by the static embeddings (`lateint_ref.encoders.load_static`): the hard
negatives of a question are the other passages of its cluster.

The folder, 58 MiB, is all that the training programs read, so they run where neither this project nor its backbone is
installed. `start.safetensors` is the network to start from: layers and projection in half precision, word vectors in 8
bits and a scale each. `pack.json` holds counts and settings, `pool.safetensors` the texts:

- `questions` and `passages`: the token ids of all distinct texts end to end, uint16, without `[CLS]` and `[SEP]`;
- `question_starts` and `passage_starts`: where each begins, int64 (n + 1);
- `clusters`: int32 (clusters, 24, 2), rows of `questions` and `passages`;
- `held`: int32 (pairs, 3), the same and a source; `held_corpus`: int32 (n, 2), passage and source.
"""

import argparse
import gzip
import json
import string
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from tqdm.auto import tqdm
from transformers import BertConfig

from lateint_ref.encoders import backbone_path, load_static
from lateint_ref.encoders.backbone import load_backbone, sha256_of
from lateint_ref.encoders.late import load_projection, projection_folder

CLUSTER = 24
# Pairs of each source at most, questions a passage, passages a question. No source under a non-commercial licence.
# Left out: squad2 (holds no positives).
SOURCES = {
    "squad_dev": (10_000, 5, 1),
    "squad_train_du": (8_000, 2, 1),
    "nq_small": (6_000, 2, 1),
    "boolq": (7_500, 2, 1),
    "bioasq": (9_000, 2, 4),
    "medquad": (9_000, 1, 1),
    "covidqa": (1_800, 2, 1),
    "pubmedqa": (1_000, 1, 1),
    "selqa": (2_600, 2, 1),
    "hybridqa_passages": (2_600, 2, 1),
    "fairytaleqa": (4_000, 2, 1),
    "wikitablequestions": (3_000, 2, 1),
    "fetaqa": (2_900, 1, 1),
    "codenn": (9_000, 1, 1),
    "cosqa_dev": (300, 1, 1),
    "qasc_fact": (4_000, 1, 1),
    "qamr": (3_000, 4, 1),
    "policyqa": (1_500, 3, 4),
    "tldr": (6_000, 1, 1),
    "dstc9_faq": (1_500, 1, 2),
    "arxiv_title_abstract": (16_000, 1, 1),
}
HELD_QUESTIONS, HELD_PASSAGES = 40, 250  # of each source
TOKENS = {"questions": 62, "passages": 298}  # with [CLS], marker and [SEP]: 65 and 301, cut to 64 and 300 by who reads


def read(folder: Path, name: str) -> list[tuple[str, str]]:
    """The pairs of one source in file order, without those that are too short or too long to be a question."""
    with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    pairs = dict.fromkeys((row["query"].strip(), row["passage"].strip()) for row in rows)
    return [(q, p) for q, p in pairs if 8 < len(q) < 300 and len(p) > 20]


def split(pairs: list[tuple[str, str]], rng: np.random.Generator) -> tuple[list, list, list[str]]:
    """Set a run of neighbouring lines apart: whole articles, so that nothing of them is trained on.

    Returns:
        Pairs to train on; held-out pairs; the passages that those are searched in.
    """
    size = min(len(pairs) // 8, 4 * HELD_PASSAGES)
    start = int(rng.integers(len(pairs) - size))
    block, rest = pairs[start : start + size], pairs[:start] + pairs[start + size :]
    corpus = list(dict.fromkeys(p for _, p in block))[:HELD_PASSAGES]
    asked = {q: p for q, p in block if p in set(corpus)}
    chosen = rng.permutation(len(asked))[:HELD_QUESTIONS]
    held = [list(asked.items())[row] for row in chosen]
    known = {q for q, _ in block} | {p for _, p in block}
    return [(q, p) for q, p in rest if q not in known and p not in known], held, corpus


def cap(pairs: list, most: int, a_passage: int, a_question: int, rng: np.random.Generator) -> list:
    """At most so many pairs, drawn at random, none of whose texts stands in more of them than allowed."""
    counts: dict[str, int] = {}
    kept = []
    for row in rng.permutation(len(pairs)):
        q, p = pairs[row]
        if counts.get("q" + q, 0) < a_question and counts.get("p" + p, 0) < a_passage:
            kept.append((q, p))
            for key in ("q" + q, "p" + p):
                counts[key] = counts.get(key, 0) + 1
    return kept[:most]


def clusters(vectors: np.ndarray, pairs: list, rng: np.random.Generator) -> list[list[int]]:
    """Rows of `pairs` in groups of 24: a random one that is left, and its nearest; no two share a text."""
    left, groups = np.ones(len(pairs), dtype=bool), []
    for seed in rng.permutation(len(pairs)):
        if not left[seed]:
            continue
        rows = np.flatnonzero(left)
        near = rows[np.argsort(-(vectors[rows] @ vectors[seed]), kind="stable")]
        group, seen = [], set()
        for row in near:
            if not seen & set(pairs[row]):
                group.append(int(row))
                seen |= set(pairs[row])
            if len(group) == CLUSTER:
                break
        if len(group) < CLUSTER:
            break
        left[group] = False
        groups.append(group)
    return groups


def start() -> dict[str, np.ndarray]:
    """The backbone, its pooler and the late encoder's projection, in 33 MB instead of 91."""
    tensors = load_file(backbone_path() / "model.safetensors")
    words = tensors.pop("embeddings.word_embeddings.weight")
    scales = np.abs(words).max(axis=1, keepdims=True) / 127
    found = {name: value.astype(np.float16) for name, value in tensors.items() if value.dtype == np.float32}
    found |= {"words": np.rint(words / scales).astype(np.int8), "words_scale": scales.astype(np.float32)}
    return found | {"projection.weight": load_projection(projection_folder()).astype(np.float16)}


def main() -> None:
    """Pack the pairs and the network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=Path, required=True, help="folder with NAME.jsonl.gz")
    parser.add_argument("--out", type=Path, default=Path("build/training/pack"))
    parser.add_argument("--epochs", type=int, default=2, help="ways to cluster all pairs anew")
    parser.add_argument("--share", type=float, default=1.0, help="of each source's pairs, for a smaller file")
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    rng = np.random.default_rng(wanted.seed)
    sources = {name: split(read(wanted.pairs, name), rng) for name in SOURCES}
    # A text that one source holds out may stand in another source as well.
    barred = {text for _, held, corpus in sources.values() for text in corpus + [q for q, _ in held]}
    question_rows: dict[str, int] = {}
    passage_rows: dict[str, int] = {}
    groups, held_rows, corpus_rows, counts = [], [], [], {}
    static = load_static()

    def place(pair: tuple[str, str]) -> tuple[int, int]:
        q, p = pair
        return question_rows.setdefault(q, len(question_rows)), passage_rows.setdefault(p, len(passage_rows))

    for source, (name, (pairs, held, corpus)) in enumerate(tqdm(sources.items(), desc="clusters", unit="source")):
        most, a_passage, a_question = SOURCES[name]
        free = [pair for pair in pairs if not barred & set(pair)]
        kept = cap(free, int(most * wanted.share), a_passage, a_question, rng)
        vectors = static.encode_documents([p for _, p in kept])
        for epoch in range(wanted.epochs):
            found = clusters(vectors, kept, rng)
            groups += [(epoch, [place(kept[row]) for row in group]) for group in found]
        held_rows += [(*place(pair), source) for pair in held]
        corpus_rows += [(passage_rows.setdefault(p, len(passage_rows)), source) for p in corpus]
        questions, passages = {q for q, _ in kept}, {p for _, p in kept}
        counts[name] = {"pairs": len(kept), "questions": len(questions), "passages": len(passages)}

    _, tokenizer = load_backbone()
    tensors = {}
    for kind, rows in (("questions", question_rows), ("passages", passage_rows)):
        ids = tokenizer(list(rows), add_special_tokens=False, truncation=True, max_length=TOKENS[kind])["input_ids"]
        tensors[kind] = np.fromiter((token for row in ids for token in row), dtype=np.uint16)
        tensors[f"{kind[:-1]}_starts"] = np.cumsum([0, *map(len, ids)], dtype=np.int64)
    # All of one epoch before the next, each in random order: a run may stop anywhere.
    order = sorted(rng.permutation(len(groups)), key=lambda row: groups[row][0])
    tensors["clusters"] = np.array([groups[row][1] for row in order], dtype=np.int32)
    tensors["held"] = np.array(held_rows, dtype=np.int32)
    tensors["held_corpus"] = np.array(corpus_rows, dtype=np.int32)
    wanted.out.mkdir(parents=True, exist_ok=True)
    files = {"pool.safetensors": tensors, "start.safetensors": start()}
    for file, content in files.items():
        save_file(content, wanted.out / file)
    card = {
        "sources": counts,
        "clusters": len(groups),
        "epochs": wanted.epochs,
        "seed": wanted.seed,
        "sha256": {file: sha256_of(wanted.out / file) for file in files},
        "punctuation": tokenizer.convert_tokens_to_ids(list(string.punctuation)),
        "network": BertConfig.from_pretrained(backbone_path()).to_diff_dict(),
    }
    (wanted.out / "pack.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    size = sum(path.stat().st_size for path in wanted.out.iterdir()) / 2**20
    print(f"{wanted.out}: {size:.1f} MiB, {sum(count['pairs'] for count in counts.values())} pairs")


if __name__ == "__main__":
    main()
