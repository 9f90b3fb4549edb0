"""Training the late and the cross-encoder: `python -m workbook.training late` and `... cross`.

Run `python -m workbook.training_data` first. Sources: Khattab and Zaharia, "ColBERT", SIGIR 2020; Santhanam et al.,
"ColBERTv2", NAACL 2022, section 3.2 (hard negatives and distillation: "denoised supervision").
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lateint_ref.datasets import Dataset, load_handbook
from lateint_ref.encoders.late import LateConfig
from lateint_ref.evaluation import evaluate, make_run
from workbook.training_data import DEFAULT_FOLDER
from workbook.training_export import export
from workbook.training_loop import Example, Examples, Recipe, train
from workbook.training_losses import distillation_loss, listwise_loss
from workbook.training_model import LateStudent, maxsim_matrix

RECIPES = {
    "late": Recipe(steps=300, queries=32, negatives=8, block=6, document_tokens=180, temperature=0.03),
    "cross": Recipe(
        steps=600,
        queries=10,
        negatives=5,
        judged=0.6,
        rank=32,
        alpha=32.0,
        lr=4e-4,
        projection_lr=2e-3,
        first_layer=3,
        document_tokens=160,
        query_tokens=64,
    ),
}
RERANKED = 20  # of the dev split, in checks between steps
CARD = """# {kind} encoder on all-MiniLM-L6-v2

Trained by `python -m workbook.training {kind}` in {minutes:.0f} minutes on {count} pairs of query and passage from
free documentation and dictionaries (`python -m workbook.training_data`). The recipe is in `training.json`.

- before: {before}
- after: {after}

Licence: Apache-2.0, as the backbone.
"""


def late_loss(student: LateStudent, examples: Examples, recipe: Recipe, bf16: bool) -> Callable[[int], Tensor]:
    """The late encoder's loss at a step: contrastive, plus distillation from its own untrained self.

    Every passage of the batch is a candidate of every query of it. The teacher is what the student was before
    training: the backbone's token vectors at their full 384 dimensions, mixed with the cosine of their means (the
    bi-encoder). It keeps the student from forgetting what the backbone knows, while the contrastive part
    teaches it to tell siblings apart.
    """

    def loss(step: int) -> Tensor:
        batch = examples.batch(step, recipe)
        texts = list(dict.fromkeys(text for example in batch for text in example.documents))
        queries = student.tokens([example.query for example in batch], "query", recipe.query_tokens)
        documents = student.tokens(texts, "document", recipe.document_tokens)
        device, taught = student.projection.weight.device, recipe.distillation > 0
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
            q, q_mask, q0 = student(queries, "query", taught)
            d, d_mask, d0 = student(documents, "document", taught)
        size = q_mask.sum(dim=-1, keepdim=True)
        mean_scores = maxsim_matrix(q, q_mask, d, d_mask) / size
        labels = torch.tensor(labels_of(batch, texts), device=device)
        total = recipe.contrastive * listwise_loss(mean_scores / recipe.temperature, labels)
        if q0 is not None and d0 is not None:
            late = maxsim_matrix(q0, q_mask, d0, d_mask) / size
            cosine = _mean(q0, queries) @ _mean(d0, documents).T
            teacher = (1 - recipe.bi_weight) * late + recipe.bi_weight * cosine
            kept = distillation_loss(mean_scores / recipe.keep_temperature, teacher / recipe.keep_temperature)
            total = total + recipe.distillation * kept
        return total

    return loss


def labels_of(batch: Sequence[Example], texts: Sequence[str]) -> list[list[float]]:
    """Each query's label of each of the batch's passages; those of other queries count as wrong."""
    return [
        [known.get(text, 0.0) for text in texts]
        for known in (dict(zip(example.documents, example.labels, strict=True)) for example in batch)
    ]


def _mean(vectors: Tensor, sequences: list[list[int]]) -> Tensor:
    """Unit-length mean of each text's vectors, `(n, dim)`."""
    mask = torch.zeros(vectors.shape[:2], device=vectors.device)
    for row, ids in enumerate(sequences):
        mask[row, : len(ids)] = 1
    return functional.normalize((vectors * mask[:, :, None]).sum(dim=1), dim=-1)


@torch.no_grad()  # type: ignore[untyped-decorator]
def late_scores(student: LateStudent, dataset: Dataset) -> dict[str, Any]:
    """Every query's MaxSim with every passage of a small collection: query text to float32 `(n_docs,)`."""
    encoded = []
    order = np.argsort([len(text) for text in dataset.texts], kind="stable")
    columns: list[int] = []
    queries = student.tokens([query.text for query in dataset.queries], "query", 64)
    q, q_mask, _ = student(queries, "query")
    for start in range(0, len(order), 32):
        rows = order[start : start + 32].tolist()
        d, d_mask, _ = student(student.tokens([dataset.texts[row] for row in rows], "document", 300), "document")
        encoded.append(maxsim_matrix(q, q_mask, d, d_mask).cpu().numpy())
        columns += rows
    scores = np.concatenate(encoded, axis=1)[:, np.argsort(columns)]
    return {query.text: row for query, row in zip(dataset.queries, scores, strict=True)}


def main(argv: Sequence[str] | None = None) -> int:
    """Train, check on held-out pairs and on the handbook's dev split, and export."""
    parser = argparse.ArgumentParser(prog="python -m workbook.training", description=main.__doc__)
    parser.add_argument("kind", choices=["late", "cross"])
    parser.add_argument("--data", type=Path, default=DEFAULT_FOLDER, help="what training_data wrote")
    parser.add_argument("--run", type=Path, help="folder of the checkpoint (default: build/training/<kind>)")
    parser.add_argument("--out", type=Path, help="folder to export to (default: <run>/export)")
    parser.add_argument("--check-every", type=int, default=200, help="steps between validations")
    parser.add_argument("--no-bf16", action="store_true", help="compute in float32")
    defaults = RECIPES["late"]
    for field in fields(Recipe):
        name = f"--{field.name.replace('_', '-')}"
        parser.add_argument(name, type=type(getattr(defaults, field.name)), help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    changed = {f.name: getattr(arguments, f.name) for f in fields(Recipe) if getattr(arguments, f.name) is not None}
    recipe = replace(RECIPES[arguments.kind], **changed)
    run = arguments.run or arguments.data / arguments.kind
    torch.manual_seed(recipe.seed)
    examples, held_out = Examples(arguments.data), Examples(arguments.data, "valid")
    dev = load_handbook("dev")
    started = time.perf_counter()
    prepare = _late if arguments.kind == "late" else _cross
    student, loss, check = prepare(recipe, examples, held_out, dev, not arguments.no_bf16)
    student.to("cuda" if torch.cuda.is_available() else "cpu").eval()
    before = check(0)
    print(f"before: {before}")
    train(student, loss, recipe, run, check=check, check_every=arguments.check_every)
    after = check(recipe.steps)
    minutes = (time.perf_counter() - started) / 60
    card = CARD.format(kind=arguments.kind, before=before, after=after, minutes=minutes, count=len(examples))
    export(student, recipe, arguments.out or run / "export", card)
    print(f"after: {after}; {minutes:.0f} minutes; exported to {arguments.out or run / 'export'}")
    return 0


def _late(recipe: Recipe, examples: Examples, held_out: Examples, dev: Dataset, bf16: bool) -> Any:
    from lateint_ref.encoders.projection import load_projection, projection_folder

    folder = projection_folder()
    projection = torch.from_numpy(load_projection(folder))
    student = LateStudent(
        LateConfig.load(folder / "config.json"), projection, recipe.rank, recipe.alpha, recipe.first_layer
    )
    plain = late_loss(student, held_out, replace(recipe, contrastive=1.0, distillation=0.0), bf16)

    def check(step: int) -> str:
        scores = late_scores(student, dev)
        run = make_run(dev, lambda text: scores[text])
        return str(_quality(evaluate(run, dev.qrels, ["nDCG@10"])["nDCG@10"], plain))

    return student, late_loss(student, examples, recipe, bf16), check


def _cross(recipe: Recipe, examples: Examples, held_out: Examples, dev: Dataset, bf16: bool) -> Any:
    from lateint_ref.encoders.bi import BiEncoder
    from workbook.training_cross import CrossStudent, cross_loss, cross_scores

    student = CrossStudent(recipe.rank, recipe.alpha)
    encoder = BiEncoder()
    cosines = encoder.encode_queries([query.text for query in dev.queries]) @ encoder.encode_documents(dev.texts).T
    tops = {query.text: np.argsort(-row)[:RERANKED].tolist() for query, row in zip(dev.queries, cosines, strict=True)}
    plain = cross_loss(student, held_out, recipe, bf16)

    def check(step: int) -> str:
        scores = cross_scores(student, dev, tops)

        def dense(text: str) -> Any:
            row = np.full(len(dev.passages), -1e3, dtype=np.float32)
            for name, value in scores[text].items():
                row[name] = value
            return row

        quality = evaluate(make_run(dev, dense), dev.qrels, ["nDCG@10"])["nDCG@10"]
        return str(_quality(quality, plain))

    return student, cross_loss(student, examples, recipe, bf16), check


@torch.no_grad()  # type: ignore[untyped-decorator]
def _quality(ndcg: float, plain: Callable[[int], Tensor]) -> str:
    held_out = float(np.mean([plain(step).item() for step in range(4)]))
    return f"handbook dev nDCG@10 {ndcg:.4f}, loss on held-out pairs {held_out:.3f}"


if __name__ == "__main__":
    raise SystemExit(main())
