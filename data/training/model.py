"""What the recipes share: the packed texts, the networks, MaxSim with gradients, and the measure they are chosen by."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertConfig, BertModel

PAD, CLS, SEP, MARKERS = 0, 101, 102, {"questions": 1, "passages": 2}  # [unused0] and [unused1]
WINDOW = 64  # clusters that are sorted by length together, so that batches hold little padding
COSINE = 0.6  # weight of the cosine beside MaxSim in the teacher's grades


def backbone(pack: Path, trained: bool = True) -> BertModel:
    """all-MiniLM-L6-v2 with its pooler. No dropout in training either: the GPU's fast attention has none."""
    config = BertConfig(**json.loads((pack / "pack.json").read_text(encoding="utf-8"))["network"])
    # On a CPU the gradient of PyTorch's fused attention takes three times as long as that of plain products.
    config._attn_implementation = "eager" if trained and not torch.cuda.is_available() else "sdpa"
    model = BertModel(config)
    tensors = {name: tensor.float() for name, tensor in load_file(pack / "start.safetensors").items()}
    tensors["embeddings.word_embeddings.weight"] = tensors.pop("words") * tensors.pop("words_scale")
    del tensors["projection.weight"]
    model.load_state_dict(tensors)
    return model.eval().requires_grad_(False)


class Pool:
    """The texts of the folder that `pool.py` wrote."""

    def __init__(self, pack: Path) -> None:
        self.tensors = load_file(pack / "pool.safetensors")
        self.names = list(json.loads((pack / "pack.json").read_text(encoding="utf-8"))["sources"])
        self.clusters = self.tensors["clusters"].long()

    def ids(self, kind: str, row: int) -> Tensor:
        """The tokens of one text, without special ones."""
        starts = self.tensors[f"{kind[:-1]}_starts"]
        return self.tensors[kind][starts[row] : starts[row + 1]].long()

    def batch(self, kind: str, rows: Tensor, most: int, step: int = 32) -> Tensor:
        """Token ids `(n, length)`: `[CLS]`, marker, text, `[SEP]`, padding.

        The length is a multiple of `step`: each shape that is new costs the CPU's kernels a second.
        """
        table, lengths = self.table(kind, most)
        return table[rows, : -(-int(lengths[rows].max()) // step) * step].long()

    @cache  # noqa: B019 (a pool lives as long as the program)
    def table(self, kind: str, most: int) -> tuple[Tensor, Tensor]:
        """All texts of a kind, cut to `most` tokens, as rows for `batch`; and their lengths."""
        starts, flat = self.tensors[f"{kind[:-1]}_starts"], self.tensors[kind].int()
        room = torch.arange(most - 3)
        lengths = starts.diff().clamp(max=most - 3)
        there = room < lengths[:, None]
        table = torch.full((len(lengths), most), PAD, dtype=torch.int32)
        table[:, 0], table[:, 1] = CLS, MARKERS[kind]
        table[:, 2:-1][there] = flat[(starts[:-1, None] + room)[there]]
        table[torch.arange(len(table)), lengths + 2] = SEP
        return table, lengths + 3


def padded(texts: list[Tensor], kind: str, most: int, step: int) -> Tensor:
    """Any texts of token ids, read as `Pool.batch` reads its own."""
    longest = min(most, max(len(ids) for ids in texts) + 3)
    length = min(most, -(-longest // step) * step)
    out = torch.full((len(texts), length), PAD)
    for place, ids in enumerate(texts):
        ids = ids[: length - 3]
        out[place, : len(ids) + 3] = torch.cat([torch.tensor([CLS, MARKERS[kind]]), ids, torch.tensor([SEP])])
    return out


class Reader(nn.Module):
    """The backbone cut in two: what lies below layer `frozen` is never trained, and shared with the teacher."""

    def __init__(self, pack: Path, frozen: int, trained: bool = False) -> None:
        super().__init__()
        self.backbone, self.frozen = backbone(pack, trained), frozen

    def below(self, ids: Tensor, shift: Tensor | None = None) -> Tensor:
        """States under the first trained layer, `(n, length, 384)`; `shift` is added to the marker's word vector."""
        embedded = self.backbone.embeddings.word_embeddings(ids)
        if shift is not None:
            embedded = torch.cat([embedded[:, :1], embedded[:, 1:2] + shift, embedded[:, 2:]], dim=1)
        states = self.backbone.embeddings(inputs_embeds=embedded)
        return through(self.backbone.encoder.layer[: self.frozen], states, ids)

    def above(self, states: Tensor, ids: Tensor) -> Tensor:
        """The last layer's token vectors."""
        return through(self.backbone.encoder.layer[self.frozen :], states, ids)


def through(layers: nn.ModuleList, states: Tensor, ids: Tensor) -> Tensor:
    """States after some layers; padding is not attended to."""
    seen = torch.zeros(ids.shape, device=ids.device).masked_fill(ids == PAD, -1e4)[:, None, None]
    for layer in layers:
        found = layer(states, attention_mask=seen)
        states = found if isinstance(found, Tensor) else found[0]  # by the version of transformers
    return states


class Late(Reader):
    """Token vectors for MaxSim: the backbone, its two markers and a projection; all but the embeddings are trained."""

    def __init__(self, pack: Path, frozen: int = 0) -> None:
        super().__init__(pack, frozen, trained=True)
        self.backbone.encoder.layer[frozen:].requires_grad_(True)
        # What is added to the word vectors of [unused0] and [unused1], where their gradient is to be had.
        self.markers = nn.Parameter(torch.zeros(2, self.backbone.config.hidden_size), requires_grad=frozen == 0)
        weight = load_file(pack / "start.safetensors")["projection.weight"].float()
        self.projection = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
        self.projection.weight.data = weight
        self.log_scale = nn.Parameter(torch.tensor(3.3))
        skipped = json.loads((pack / "pack.json").read_text(encoding="utf-8"))["punctuation"]
        self.register_buffer("skipped", torch.tensor(skipped), persistent=False)

    def below(self, ids: Tensor) -> Tensor:
        """As the reader's, with the trained markers."""
        return super().below(ids, None if self.frozen else self.markers[ids[0, 1] - 1])

    def forward(self, ids: Tensor, states: Tensor | None = None) -> Tensor:
        """Token ids `(n, length)` to projected vectors `(n, length, 128)`, not yet of unit length."""
        return self.projection(self.above(self.below(ids) if states is None else states, ids))

    def kept(self, ids: Tensor, kind: str) -> Tensor:
        """Which vectors count, bool `(n, length)`: no padding, and of passages no punctuation."""
        there = ids != PAD
        return there if kind == "questions" else there & ~torch.isin(ids, self.skipped)


def maxsim(q: Tensor, q_kept: Tensor, d: Tensor, d_kept: Tensor, dim: int | None = None) -> Tensor:
    """MaxSim a query token by the first `dim` dimensions, all questions with all passages: `(questions, passages)`."""
    q, d = functional.normalize(q[..., :dim].float(), dim=-1), functional.normalize(d[..., :dim].float(), dim=-1)
    similarity = torch.einsum("qid,pjd->qipj", q, d).masked_fill(~d_kept[None, None], -1e4)
    # Not amax: its gradient takes several passes over this, the largest tensor of all.
    return (similarity.max(dim=-1).values * q_kept[:, :, None]).sum(dim=1) / q_kept.sum(dim=1)[:, None]


def standardised(scores: Tensor) -> Tensor:
    """Scores with mean 0 and deviation 1 in each row."""
    return (scores - scores.mean(dim=1, keepdim=True)) / scores.std(dim=1, keepdim=True)


class Teacher(Reader):
    """The untrained backbone's two readings of a pair: MaxSim of its token vectors, and the cosine of their means."""

    @torch.no_grad()
    def forward(self, q: Tensor, d: Tensor, q_ids: Tensor, d_ids: Tensor, q_kept: Tensor, d_kept: Tensor) -> Tensor:
        """Grades `(questions, passages)` of the states `q` and `d`: the sum of both readings, each standardised."""
        q, d = self.above(q, q_ids).float(), self.above(d, d_ids).float()
        cosine = functional.normalize(mean(q, q_ids)) @ functional.normalize(mean(d, d_ids)).T
        return standardised(maxsim(q, q_kept, d, d_kept)) + COSINE * standardised(cosine)


@torch.inference_mode()
def encode(model: Late, texts: list[Tensor], kind: str, most: int, size: int = 48) -> list[Tensor]:
    """The vectors of each text that count, `(n_i, 128)`, of unit length."""
    vectors: list[Tensor] = [torch.empty(0)] * len(texts)
    device = model.log_scale.device
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        ids = padded([texts[row] for row in rows], kind, most, 32).to(device)
        with torch.autocast(device.type, torch.bfloat16):
            found = model(ids)
        found = functional.normalize(found.float(), dim=-1)
        for row, vector, kept in zip(rows, found, model.kept(ids, kind), strict=True):
            vectors[row] = vector[kept].cpu()
    return vectors


def ndcg(queries: list[Tensor], documents: list[Tensor], right: list[int], dim: int | None = None) -> float:
    """nDCG@10 of MaxSim over all documents, one of which is right for each query."""
    flat = functional.normalize(torch.cat(documents)[:, :dim], dim=-1)
    starts = np.cumsum([0, *map(len, documents)])[:-1]
    total = 0.0
    for query, place in zip(queries, right, strict=True):
        best = np.maximum.reduceat((functional.normalize(query[:, :dim], dim=-1) @ flat.T).numpy(), starts, axis=1)
        scores = best.sum(axis=0)
        rank = int((scores > scores[place]).sum())
        total += 1 / np.log2(rank + 2) if rank < 10 else 0.0
    return total / len(queries)


def measure(model: Late, pool: Pool, document: int, dim: int | None = None) -> dict[str, float]:
    """nDCG@10 on the held-out questions of each source, and their mean."""
    held, corpus = pool.tensors["held"].long(), pool.tensors["held_corpus"].long()
    found = {}
    for source, name in enumerate(pool.names):
        pairs = held[held[:, 2] == source]
        rows = corpus[corpus[:, 1] == source][:, 0].tolist()
        documents = encode(model, [pool.ids("passages", row) for row in rows], "passages", document)
        queries = encode(model, [pool.ids("questions", row) for row in pairs[:, 0].tolist()], "questions", 64)
        found[name] = ndcg(queries, documents, [rows.index(row) for row in pairs[:, 1].tolist()], dim)
    found["mean"] = sum(found.values()) / len(found)
    return found


def mean(hidden: Tensor, ids: Tensor) -> Tensor:
    """Mean of the token vectors that are there, but for the marker's, which the bi-encoder never saw: `(n, hidden)`."""
    there = (ids != PAD).float()
    there[:, 1] = 0
    return (hidden * there[:, :, None]).sum(dim=1) / there.sum(dim=1, keepdim=True)


def batches(pool: Pool, size: int, document: int, seed: int) -> list[Tensor]:
    """All clusters, `size` to a batch, in an order that depends on the seed alone: `(pairs, 2)` rows of texts each."""
    lengths = pool.tensors["passage_starts"].diff()[pool.clusters[:, :, 1]].clamp(max=document).float().mean(dim=1)
    rng = torch.Generator().manual_seed(seed)
    found = []
    for start in range(0, len(pool.clusters), WINDOW):
        rows = start + lengths[start : start + WINDOW].argsort()
        groups = [rows[place : place + size] for place in range(0, len(rows), size)]
        found += [pool.clusters[groups[place]].flatten(0, 1) for place in torch.randperm(len(groups), generator=rng)]
    return [batch for batch in found if len(batch) == size * pool.clusters.shape[1]]
