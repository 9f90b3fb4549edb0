"""Train the late encoder: all-MiniLM-L6-v2 for MaxSim, from labels and from a teacher that grades every candidate.

    python data/training/late.py --pack build/training/pack --out build/training/late --steps 2000
    python data/training/late.py --pack build/training/pack --measure build/training/late/step-2000.safetensors

Each step reads two clusters of 24 look-alikes: 48 questions, 48 passages, 48 x 48 scores. What they should be is half
taught by the label (the passage that the question was asked of) and half by the untrained backbone itself: MaxSim of
its full token vectors plus the cosine of its mean vectors, each standardised a question. That sum ranks better than
either, grades all 48 passages, forgives passages that answer a question they were not paired with, and holds the
network to what it knew. The loss is the cross-entropy to both, at 128 dimensions and, with less weight, at the first
64 and 32. With `--cross` half of all that is what the cross-encoder makes of each question's twelve best passages.

Stopping and starting again continues where the last checkpoint was, to the bit: no dropout, and batches follow from
the step's number. Of the weights an average over the last steps is kept as well: that is what is measured and exported.
"""

import argparse
from pathlib import Path

import torch
from cross import Cross, sequences
from loop import arguments, blend_in, fit
from model import Late, Pool, Teacher, batches, maxsim, measure
from torch import Tensor
from torch.nn import functional

QUERY, DOCUMENT = 32, 128  # tokens at most
LISTED = 12  # passages a question that the cross-encoder grades, where there is one
DIMS = {128: 1.0, 64: 0.25, 32: 0.15}  # weight of each number of leading dimensions


def loss_of(
    model: Late, teacher: Teacher, judge: Cross | None, pool: Pool, pairs: Tensor, label: float, heat: float
) -> tuple[Tensor, float]:
    """The loss of one batch, and the share of questions whose own passage comes first."""
    device = model.log_scale.device
    q_ids = pool.batch("questions", pairs[:, 0], QUERY, step=8).to(device)
    d_ids = pool.batch("passages", pairs[:, 1], DOCUMENT).to(device)
    q_kept, d_kept = model.kept(q_ids, "questions"), model.kept(d_ids, "passages")
    with torch.autocast(device.type, torch.bfloat16):
        below = [model.below(q_ids), model.below(d_ids)]
        q, d = model(q_ids, below[0]), model(d_ids, below[1])
        if not model.frozen:
            below = [teacher.below(q_ids), teacher.below(d_ids)]
        grades = teacher(*below, q_ids, d_ids, q_kept, d_kept)
    right, barred = (mask.to(device) for mask in masks(pairs))
    target = (1 - label) * (grades / heat).masked_fill(barred, -torch.inf).softmax(dim=1) + label * right
    total = 0.0
    for dim, weight in DIMS.items():
        logits = maxsim(q, q_kept, d, d_kept, dim) * model.log_scale.exp()
        # Barred candidates have no share of the target, and finite logits keep 0 x log(0) out.
        logits = logits.masked_fill(barred, -1e4)
        if dim == max(DIMS):
            first = (logits.argmax(dim=1) == right.long().argmax(dim=1)).float().mean()
            if judge is not None:
                listed = logits.detach().masked_fill(right, torch.inf).topk(LISTED, dim=1).indices
                judged = judgement(judge, pool, pairs, listed)
        part = functional.cross_entropy(logits, target)
        if judge is not None:
            part = (part + functional.cross_entropy(logits.gather(1, listed), judged)) / 2
        total = total + weight * part
    return total / sum(DIMS.values()), first.item()


def masks(pairs: Tensor) -> tuple[Tensor, Tensor]:
    """Each question's own passage, and those that are no negatives of it; bool `(pairs, pairs)`.

    A question may have several passages, a passage several questions.
    """
    right = torch.eye(len(pairs), dtype=torch.bool)
    return right, (pairs[:, None] == pairs[None]).any(dim=-1) & ~right


@torch.no_grad()
def judgement(judge: Cross, pool: Pool, pairs: Tensor, listed: Tensor) -> Tensor:
    """What the cross-encoder makes of each question's listed passages, as probabilities `(questions, listed)`."""
    rows = torch.stack([pairs[:, 0][:, None].expand(listed.shape), pairs[listed.cpu(), 1]], dim=-1)
    ids, segments = sequences(pool, rows.flatten(0, 1))
    with torch.autocast(listed.device.type, torch.bfloat16):
        scores = judge(ids.to(listed.device), segments.to(listed.device))
    return scores.float().reshape(listed.shape).softmax(dim=1)


def train(wanted: argparse.Namespace, pool: Pool, model: Late, judge: Cross | None = None) -> dict[str, Tensor]:
    """Run the steps that are not done yet; the averaged weights."""
    teacher = Teacher(wanted.pack, wanted.frozen).to(wanted.device)
    # What starts from nothing learns faster. The projection does not: ten times faster, it forgot what it knew.
    faster = {"markers": 10, "log_scale": 100}
    order = batches(pool, wanted.clusters, DOCUMENT, wanted.seed)
    settled = (wanted.label, wanted.heat)
    return fit(wanted, model, faster, lambda pairs: loss_of(model, teacher, judge, pool, pairs, *settled), order)


@torch.no_grad()
def fit_to(model: Late, teacher: Teacher, pool: Pool, wanted: argparse.Namespace, count: int = 10) -> dict[str, float]:
    """How well batches are ranked that no run of less than 1,500 steps has seen: what is learned, on like text.

    Returns:
        The divergence from the teacher's grades and the cross-entropy to the labels, each at the scale that suits it
        best, and the share of questions whose own passage comes first.
    """
    order = batches(pool, wanted.clusters, DOCUMENT, wanted.seed)
    totals, device = torch.zeros(3), model.log_scale.device
    chosen = order[1500::55][:count] or order
    for pairs in chosen:
        q_ids = pool.batch("questions", pairs[:, 0], QUERY, step=8).to(device)
        d_ids = pool.batch("passages", pairs[:, 1], DOCUMENT).to(device)
        kept = model.kept(q_ids, "questions"), model.kept(d_ids, "passages")
        with torch.autocast(device.type, torch.bfloat16):
            q, d = model(q_ids), model(d_ids)
            grades = teacher(teacher.below(q_ids), teacher.below(d_ids), q_ids, d_ids, *kept)
        right, barred = (mask.to(device) for mask in masks(pairs))
        target = (grades.float() / wanted.heat).masked_fill(barred, -torch.inf).softmax(dim=1)
        scores = maxsim(q, kept[0], d, kept[1]).masked_fill(barred, -1e4)
        found = [(scores * scale).log_softmax(dim=1) for scale in (10, 14, 20, 28, 40)]
        totals[0] += min(functional.kl_div(logs, target, reduction="batchmean").item() for logs in found)
        totals[1] += min(-logs[right].mean().item() for logs in found)
        totals[2] += (scores.argmax(dim=1) == right.long().argmax(dim=1)).float().mean().item()
    return dict(zip(("teacher", "label", "first"), (totals / len(chosen)).tolist(), strict=True))


def settings() -> argparse.ArgumentParser:
    """What can be chosen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments(parser, steps=2000, clusters=2)
    parser.add_argument("--frozen", type=int, default=0, help="lowest layers that stay as they are: faster on a CPU")
    parser.add_argument("--label", type=float, default=0.5, help="share of the label in what is taught")
    parser.add_argument("--heat", type=float, default=0.85, help="temperature of the teacher's grades")
    parser.add_argument("--start", type=Path, help="checkpoint of a late encoder to go on from, for another training")
    parser.add_argument("--cross", type=Path, help="checkpoint of the cross-encoder whose scores are to be learned too")
    parser.add_argument("--measure", nargs="+", type=Path, default=[], metavar="FILE", help="checkpoints to measure")
    parser.add_argument("--blend", type=float, nargs="+", default=[1.0], help="shares of the trained weights in them")
    return parser


def main() -> None:
    """Train, or measure what was trained on the held-out questions."""
    wanted = settings().parse_args()
    pool, model = Pool(wanted.pack), Late(wanted.pack, wanted.frozen).to(wanted.device)
    untrained = {name: value.detach().clone() for name, value in model.named_parameters()}
    if not wanted.measure:
        judge = Cross(wanted.pack).to(wanted.device) if wanted.cross else None
        if judge is not None:
            blend_in(judge, dict(judge.named_parameters()), wanted.cross, 1.0)
        if wanted.start:
            blend_in(model, untrained, wanted.start, 1.0)
        train(wanted, pool, model, judge)
        return
    teacher = Teacher(wanted.pack, 0).to(wanted.device)
    for path in wanted.measure:
        for share in wanted.blend:
            blend_in(model, untrained, path, share)
            found = fit_to(model, teacher, pool, wanted) | measure(model, pool, DOCUMENT)
            print(path.name, share, {name: round(value, 3) for name, value in found.items()}, flush=True)


if __name__ == "__main__":
    main()
