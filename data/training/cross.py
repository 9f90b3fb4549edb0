"""Train the cross-encoder: question and passage in one sequence through all layers, one score, from labels alone.

    python data/training/cross.py --pack build/training/pack --late build/training/late/step-2000.safetensors

Each step reads clusters of look-alikes. The trained late encoder ranks the passages of the step for each question, and
those that it ranks highest beside the right one are the negatives: what it cannot tell apart is what a cross-encoder is
for. Of its twelve best, five are drawn, since the very first are now and then right answers that nobody labelled. The
loss is the cross-entropy of the six scores to the label; nothing that reads the two texts apart has a say in it.

`--late` is read for that ranking and no more. Without it the untrained late encoder ranks.
"""

import argparse
from pathlib import Path

import torch
from loop import arguments, blend_in, fit
from model import CLS, PAD, SEP, Late, Pool, backbone, batches, encode, maxsim
from torch import Tensor, nn
from torch.nn import functional

QUESTION, PAIR = 32, 160  # tokens at most, the special ones included
HARD, DRAWN = 12, 5


class Cross(nn.Module):
    """The backbone with BERT's pooler and a linear layer on `[CLS]`; the segments' vectors are trained as well."""

    def __init__(self, pack: Path) -> None:
        super().__init__()
        self.backbone = backbone(pack)
        for part in (self.backbone.encoder, self.backbone.pooler, self.backbone.embeddings.token_type_embeddings):
            part.requires_grad_(True)
        self.classifier = nn.Linear(self.backbone.config.hidden_size, 1)
        nn.init.zeros_(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, ids: Tensor, segments: Tensor) -> Tensor:
        """Token ids and segments (0 question, 1 passage), `(n, length)`, to scores `(n,)`."""
        found = self.backbone(input_ids=ids, token_type_ids=segments, attention_mask=(ids != PAD).long())
        return self.classifier(found.pooler_output.float())[:, 0]


def sequences(pool: Pool, rows: Tensor, step: int = 32) -> tuple[Tensor, Tensor]:
    """`[CLS]` question `[SEP]` passage `[SEP]` of each `(question, passage)`: ids and segments, `(n, length)`."""
    read = []
    for question, passage in rows.tolist():
        asked = pool.ids("questions", question)[: QUESTION - 2]
        read.append((asked, pool.ids("passages", passage)[: PAIR - 3 - len(asked)]))
    length = -(-max(len(asked) + len(told) + 3 for asked, told in read) // step) * step
    ids, segments = torch.full((len(read), length), PAD), torch.zeros(len(read), length, dtype=torch.long)
    for place, (asked, told) in enumerate(read):
        whole = torch.cat([torch.tensor([CLS]), asked, torch.tensor([SEP]), told, torch.tensor([SEP])])
        ids[place, : len(whole)] = whole
        segments[place, len(asked) + 2 : len(whole)] = 1
    return ids, segments


@torch.no_grad()
def negatives(late: Late, pool: Pool, pairs: Tensor, rng: torch.Generator) -> Tensor:
    """For each pair of a step `DRAWN` rows of the step whose passages the late encoder ranks high: `(n, DRAWN)`."""
    device = late.log_scale.device
    q_ids = pool.batch("questions", pairs[:, 0], QUESTION, step=8).to(device)
    d_ids = pool.batch("passages", pairs[:, 1], PAIR - QUESTION).to(device)
    with torch.autocast(device.type, torch.bfloat16):
        q, d = late(q_ids), late(d_ids)
    scores = maxsim(q, late.kept(q_ids, "questions"), d, late.kept(d_ids, "passages")).cpu()
    scores.masked_fill_((pairs[:, None] == pairs[None]).any(dim=-1), -torch.inf)
    hard = scores.topk(HARD, dim=1).indices
    return hard.gather(1, torch.rand(hard.shape, generator=rng).argsort(dim=1)[:, :DRAWN])


def loss_of(model: Cross, late: Late, pool: Pool, pairs: Tensor, questions: int, seed: int) -> tuple[Tensor, float]:
    """The loss of one step, and the share of questions whose own passage comes first of its six."""
    # What is drawn follows from the batch, so that a run that goes on draws what it would have drawn.
    rng = torch.Generator().manual_seed(seed + int(pairs.sum()))
    chosen = torch.randperm(len(pairs), generator=rng)[:questions]
    others = negatives(late, pool, pairs, rng)[chosen]
    passages = torch.cat([chosen[:, None], others], dim=1)
    rows = torch.stack([pairs[chosen, 0][:, None].expand_as(passages), pairs[passages, 1]], dim=-1)
    ids, segments = sequences(pool, rows.flatten(0, 1))
    device = late.log_scale.device
    with torch.autocast(device.type, torch.bfloat16):
        scores = model(ids.to(device), segments.to(device))
    scores = scores.float().reshape(passages.shape)
    right = torch.zeros(len(scores), dtype=torch.long, device=device)
    return functional.cross_entropy(scores, right), (scores.argmax(dim=1) == right).float().mean().item()


@torch.inference_mode()
def measure(model: Cross, late: Late, pool: Pool, depth: int, questions: int) -> dict[str, tuple[float, float]]:
    """nDCG@10 on held-out questions of each source: of the late encoder, and of its `depth` best passages reranked."""
    held, corpus = pool.tensors["held"].long(), pool.tensors["held_corpus"].long()
    device, found = late.log_scale.device, {}
    for source, name in enumerate(pool.names):
        pairs = held[held[:, 2] == source][:questions]
        rows = corpus[corpus[:, 1] == source][:, 0]
        documents = encode(late, [pool.ids("passages", row) for row in rows.tolist()], "passages", PAIR)
        queries = encode(late, [pool.ids("questions", row) for row in pairs[:, 0].tolist()], "questions", 64)
        totals = [0.0, 0.0]
        for query, (question, right, _) in zip(queries, pairs.tolist(), strict=True):
            close = torch.stack([(query @ document.T).amax(dim=1).sum() for document in documents])
            best = rows[close.topk(min(depth, len(rows))).indices]
            ids, segments = sequences(pool, torch.stack([torch.full_like(best, question), best], dim=1))
            with torch.autocast(device.type, torch.bfloat16):
                scores = model(ids.to(device), segments.to(device)).cpu()
            for place, order in enumerate((best, best[scores.argsort(descending=True)])):
                rank = (order[:10] == right).nonzero()
                totals[place] += 1 / float(torch.log2(rank[0, 0] + 2.0)) if len(rank) else 0.0
        found[name] = (totals[0] / len(pairs), totals[1] / len(pairs))
    found["mean"] = tuple(sum(values) / len(found) for values in zip(*found.values(), strict=True))
    return found


def train(wanted: argparse.Namespace, pool: Pool, model: Cross, late: Late) -> dict[str, Tensor]:
    """Run the steps that are not done yet; the averaged weights."""
    order = batches(pool, wanted.clusters, PAIR - QUESTION, wanted.seed + 1)
    faster = {"classifier.weight": 10, "classifier.bias": 10, "backbone.pooler.dense.weight": 10}
    return fit(wanted, model, faster, lambda p: loss_of(model, late, pool, p, wanted.questions, wanted.seed), order)


def settings() -> argparse.ArgumentParser:
    """What can be chosen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments(parser, steps=3000, clusters=1)
    parser.add_argument("--questions", type=int, default=12, help="questions a step, each with six passages")
    parser.add_argument("--late", type=Path, help="checkpoint of the late encoder that picks the negatives")
    parser.add_argument("--measure", nargs="+", type=Path, default=[], metavar="FILE", help="checkpoints to measure")
    return parser


def main() -> None:
    """Train, or measure what was trained on the held-out questions."""
    wanted = settings().parse_args()
    pool, model, late = Pool(wanted.pack), Cross(wanted.pack).to(wanted.device), Late(wanted.pack).to(wanted.device)
    if wanted.late:
        blend_in(late, dict(late.named_parameters()), wanted.late, 1.0)
    if not wanted.measure:
        train(wanted, pool, model, late)
        return
    for path in wanted.measure:
        blend_in(model, dict(model.named_parameters()), path, 1.0)
        found = measure(model, late, pool, depth=20, questions=10)
        print(path.name, {name: [round(value, 3) for value in pair] for name, pair in found.items()}, flush=True)


if __name__ == "__main__":
    main()
