"""Train the page encoder: pixels to patch vectors, against the late encoder's vectors of the text that stands there.

    python data/training/page.py --pack build/training/page-pack --out build/training/page --parts letters crops pages
    python data/training/page.py --pack ... --out ... --within 8 --size 256 --workers 16       # on a GPU, by the clock
    python data/training/page.py --pack ... --evaluate build/training/page/crops
    python data/training/page.py --pack ... --evaluate ... --pages           # nDCG@5 on the dev questions of data/pages
    python data/training/page.py --pack ... --evaluate ... --export data/models/page-trained

Three parts, each from the weights of the one before:

- `letters`, on crops of 8 x 8 patches: the letter in every cell of 8 x 8 pixels, and every patch's soft token is to be
  the word vectors of the word pieces on it. Word vectors are the same for every late encoder on this backbone, so what
  is learned here stays when the late encoder is exchanged.
- `crops`: every token's vector, as the late encoder gives it for the page's text, is found among the patches under its
  box and told from other tokens' vectors, and from all other patches it is told, too; questions find their crop in the
  batch by MaxSim.
- `pages`: the same on whole pages.

Batches follow from seed, part and step, and so does every random choice in the losses; there is no dropout. So a run
that was stopped goes on from its last checkpoint to the bit (on one device, with one number of threads).
"""

import argparse
import json
import math
import random
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from page_draw import BLANK, KINDS, PATCH_H, PATCH_W, Artist, Drawn
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from tqdm.auto import tqdm
from transformers import BertConfig, BertModel

from lateint_ref.encoders.pixels import GRID, Network, PageReader

PAD, CLS, SEP = 0, 101, 102
WINDOW, ASKED = 128, 32  # tokens of a text and of a question, special ones included
TINY = Network(stem=16, width=48, depth=3, layers=1)  # to see that the recipe works
TOKENS = 1500  # in the losses of a batch at most, on a CPU
COPY, NEAR = 0.9999, 0.95  # cosines from which vectors of a page count as copies, and as nearly that


@dataclass(frozen=True)
class Part:
    """One part of the training: patches of a page, weights of the losses, pages of a page's share of a batch."""

    rows: int
    columns: int
    letters: float
    words: float
    tokens: float
    questions: float
    rate: float
    share: float  # of the time on a GPU
    fewer: int  # times fewer pages in a batch than crops
    steps: int  # on a CPU


PARTS = {
    "letters": Part(8, 8, 1.0, 1.0, 0.0, 0.0, 1.5e-3, 0.25, 1, 3_000),
    "crops": Part(8, 8, 0.3, 0.5, 1.0, 0.5, 7e-4, 0.45, 1, 12_000),
    "pages": Part(32, 32, 0.0, 0.25, 1.0, 1.0, 3e-4, 0.3, 12, 6_000),
}


class Teacher(nn.Module):
    """The late encoder of a pack."""

    def __init__(self, pack: Path) -> None:
        super().__init__()
        card = json.loads((pack / "pack.json").read_text(encoding="utf-8"))
        config = BertConfig(**card["network"])
        config._attn_implementation = "sdpa"
        self.bert = BertModel(config, add_pooling_layer=False)
        tensors = {name: tensor.float() for name, tensor in load_file(pack / "late.safetensors").items()}
        tensors["embeddings.word_embeddings.weight"] = tensors.pop("words") * tensors.pop("words_scale")
        self.projection = nn.Parameter(tensors.pop("projection.weight"))
        self.bert.load_state_dict(tensors)
        self.marker = card["markers"][1]
        words = self.bert.embeddings.word_embeddings.weight.detach()
        # Word vectors have much in common, which tells no word from another.
        self.register_buffer("words", functional.normalize(words - words.mean(dim=0), dim=-1), persistent=False)
        self.register_buffer("common", torch.zeros(len(self.projection)), persistent=False)
        self.eval().requires_grad_(False)

    @torch.no_grad()
    def forward(self, ids: Tensor) -> Tensor:
        """Token ids `(n, length)` to unit vectors `(n, length, dim)`."""
        with torch.autocast(ids.device.type, torch.bfloat16):
            states = self.bert(input_ids=ids, attention_mask=(ids != PAD).long()).last_hidden_state
        return functional.normalize(states.float() @ self.projection.T, dim=-1)

    def centre(self, artist: Artist, count: int = 64) -> None:
        """Take the mean of the vectors of some texts as what all vectors have in common."""
        texts = [
            artist.tokenizer.encode(text["passage"], add_special_tokens=False).ids for text in artist.texts[:count]
        ]
        ids = torch.stack([framed(text, self.marker, WINDOW) for text in texts]).to(self.common.device)
        vectors = self(ids)[ids != PAD]
        self.common.copy_(vectors.mean(dim=0))


def framed(ids: list[int], marker: int, length: int) -> Tensor:
    """`[CLS]`, marker, text, `[SEP]`, padding: int64 `(length,)`."""
    out = torch.full((length,), PAD)
    ids = ids[: length - 3]
    out[: len(ids) + 3] = torch.tensor([CLS, marker, *ids, SEP])
    return out


class Batches(Dataset):
    """Batch number `step` of a part, drawn when it is asked for."""

    def __init__(
        self, pack: Path, name: str, size: int, seed: int, held_out: bool = False, fonts: str = "fonts"
    ) -> None:
        self.artist, self.part, self.size, self.key = (
            Artist(pack, held_out),
            PARTS[name],
            size,
            f"{seed}-{name}-{held_out}",
        )
        card = json.loads((pack / "pack.json").read_text(encoding="utf-8"))
        self.markers, self.punctuation = card["markers"], set(card["punctuation"])
        if fonts == "held_fonts" and card["held_fonts"]:
            self.artist.fonts = [str(pack / "fonts" / font) for font in card["held_fonts"]]

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        rng, part = random.Random(f"{self.key}-{step}"), self.part
        pages: list[Drawn] = []
        while len(pages) < self.size:
            if len(pages) + 2 <= self.size and rng.random() < 0.25:
                # The same subject drawn in two ways: only what is drawn tells which is asked for.
                subject = self.artist.subject(rng)
                for kind in rng.sample(list(KINDS), 2):
                    page = self.artist.draw(rng, part.rows, part.columns, subject, kind)
                    page.questions = [asked for asked in page.questions if asked[0] == "drawing"][:1]
                    pages.append(page)
            else:
                pages.append(self.artist.draw(rng, part.rows, part.columns))
        return self.collated(pages, rng)

    def collated(self, pages: list[Drawn], rng: random.Random) -> dict[str, Tensor]:
        """Pages as tensors: pixels, cells, windows, tokens (page, window, place, id), boxes, questions and whose."""
        windows, tokens, boxes, asked, owners, kinds = [], [], [], [], [], []
        for place, page in enumerate(pages):
            kept = [row for row, token in enumerate(page.tokens[:, 2]) if int(token) not in self.punctuation]
            found = page.tokens[kept]
            tokens.append(
                np.column_stack([np.full(len(kept), place), found[:, 0] + len(windows), found[:, 1] + 2, found[:, 2]])
            )
            boxes.append(page.boxes[kept])
            windows += [framed(ids, self.markers[1], WINDOW) for ids in page.windows]
            ranked = sorted(page.questions, key=lambda question: (question[0] not in ("real", "drawing"), rng.random()))
            for kind, text in ranked[:2]:
                ids = self.artist.tokenizer.encode(text, add_special_tokens=False).ids
                asked.append(framed(ids, self.markers[0], ASKED))
                owners.append(place)
                kinds.append(["run", "caption", "drawing", "cell", "real"].index(kind))
        # Of few different lengths: each new shape costs the CPU's kernels time.
        windows += [framed([], self.markers[1], WINDOW)] * (-len(windows) % 8)
        short = -len(asked) % 8
        asked += [framed([], self.markers[0], ASKED)] * short
        return {
            "pixels": torch.from_numpy(np.stack([page.pixels for page in pages])),
            "cells": torch.from_numpy(np.stack([page.cells for page in pages])),
            "windows": torch.stack(windows),
            "tokens": torch.from_numpy(np.concatenate(tokens).astype(np.int64)),
            "boxes": torch.from_numpy(np.concatenate(boxes)),
            "questions": torch.stack(asked) if asked else torch.zeros(0, ASKED, dtype=torch.long),
            "owners": torch.tensor(owners + [-1] * short, dtype=torch.long),
            "kinds": torch.tensor(kinds + [-1] * short, dtype=torch.long),
            "corner": torch.tensor(
                [rng.randint(0, GRID[0] - self.part.rows), rng.randint(0, GRID[1] - self.part.columns)]
            ),
        }


class Trainee(nn.Module):
    """The page encoder, and what only training needs."""

    def __init__(self, teacher: Teacher | None = None, tiny: bool = False) -> None:
        super().__init__()
        self.reader = PageReader(TINY if tiny else None)
        self.letters = nn.Linear(self.reader.network.width, BLANK + 1)
        self.log_scales = nn.Parameter(torch.tensor([2.7, 2.7, 3.3]))  # words, tokens, questions
        if teacher is not None:
            self.start(teacher)

    @torch.no_grad()
    def start(self, teacher: Teacher) -> None:
        """The layers over the soft tokens begin as copies of the late encoder's, evenly chosen."""
        layers = teacher.bert.encoder.layer
        places = torch.linspace(0, len(layers) - 1, len(self.reader.layers)).round().long().tolist()
        for mine, place in zip(self.reader.layers, places, strict=True):
            of, attention = layers[place], layers[place].attention
            for own, source in (
                (mine.query, attention.self.query),
                (mine.key, attention.self.key),
                (mine.value, attention.self.value),
                (mine.out, attention.output.dense),
                (mine.out_norm, attention.output.LayerNorm),
                (mine.up, of.intermediate.dense),
                (mine.down, of.output.dense),
                (mine.down_norm, of.output.LayerNorm),
            ):
                own.weight.copy_(source.weight)
                own.bias.copy_(source.bias)
        self.reader.projection.weight.copy_(teacher.projection)


def under(boxes: Tensor, rows: int, columns: int) -> Tensor:
    """Which patches a box lies on, bool `(boxes, patches)`."""
    left = (torch.arange(columns, device=boxes.device) * PATCH_W).repeat(rows)
    top = (torch.arange(rows, device=boxes.device) * PATCH_H).repeat_interleave(columns)
    across = torch.minimum(boxes[:, 2, None], left + PATCH_W) - torch.maximum(boxes[:, 0, None], left)
    down = torch.minimum(boxes[:, 3, None], top + PATCH_H) - torch.maximum(boxes[:, 1, None], top)
    return (across > 2) & (down > 3)


def naming(
    patches: Tensor,
    targets: Tensor,
    ids: Tensor,
    owner: Tensor,
    below: Tensor,
    scale: Tensor,
    more: tuple[Tensor, Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """Every target is found among the patches under its box, by the patches and by the targets.

    Args:
        patches: `(pages, patches, dim)`, unit length.
        targets: `(t, dim)`, unit length.
        ids: `(t,)`; targets of the same id are no negatives of each other.
        owner: `(t,)`, the page of each.
        below: bool `(t, patches)`: those under its box.
        scale: by which cosines are multiplied.
        more: further negatives, `(m, dim)` and their ids.

    Returns:
        The loss, and whether each target was named rightly, bool `(t,)`.
    """
    pages, count, dim = patches.shape
    similarity = (targets @ patches.reshape(-1, dim).T).view(-1, pages, count)
    rows = torch.arange(len(targets), device=targets.device)
    own = similarity[rows, owner].masked_fill(~below, -9)
    # The patch that speaks for a token: the best one, or another under the box that is nearly as good.
    speaker = (own.detach() + 0.05 * torch.rand(own.shape, device=own.device) * below).argmax(dim=1)
    same = ids[:, None] == ids[None]
    bank, alike = targets, same
    if more is not None:
        bank, alike = torch.cat([targets, more[0]]), torch.cat([same, ids[:, None] == more[1][None]], dim=1)
    wrong = (scale * (patches[owner, speaker] @ bank.T)).masked_fill(alike, -1e4)
    logits = torch.cat([scale * own[rows, speaker][:, None], wrong], dim=1)
    named = functional.cross_entropy(logits, torch.zeros_like(owner))
    # The other way round: a token's vector against all patches but those that bear the same word.
    on = torch.zeros_like(similarity, dtype=torch.bool)
    on[rows, owner] = below
    on = on.flatten(1)
    barred = (same.to(patches.dtype) @ on.to(patches.dtype) > 0) & ~on
    flat = (scale * similarity.flatten(1)).masked_fill(barred, -1e4)
    placed = (flat.logsumexp(dim=1) - flat.masked_fill(~on, -1e4).logsumexp(dim=1)).mean()
    return named + placed, logits.argmax(dim=1) == 0


def maxsim(questions: Tensor, there: Tensor, patches: Tensor) -> Tensor:
    """MaxSim a query token of every question with every page: `(questions, pages)`."""
    best = torch.einsum("qld,npd->qnlp", questions, patches).max(dim=-1).values
    return (best * there[:, None]).sum(dim=-1) / there.sum(dim=1)[:, None]


def losses(
    net: Trainee, teacher: Teacher, batch: dict[str, Tensor], part: Part, progress: float, most: int = TOKENS
) -> tuple[Tensor, dict[str, float]]:
    """The loss of a batch, and shares of what is right: letters, words, tokens, questions."""
    device = net.log_scales.device
    batch = {name: value.to(device, non_blocking=True) for name, value in batch.items()}
    shown: dict[str, float] = {}
    corner = (int(batch["corner"][0]), int(batch["corner"][1]))
    deep = part.tokens > 0 or part.questions > 0
    with torch.autocast(device.type, torch.bfloat16):
        cells = net.reader.cells(batch["pixels"].float())
        soft = net.reader.soft_tokens(cells)
        letters = net.letters(cells.permute(0, 2, 3, 1))
        states = net.reader.projection(net.reader.states(soft, corner)) if deep else None
    scales = net.log_scales.exp()
    total = torch.zeros((), device=device)
    weight = part.letters * (1.0 if not deep else max(0.0, 1 - 2 * progress))
    if weight:
        truth = batch["cells"].long().flatten()
        logits = letters.float().flatten(0, 2)
        share = torch.where(truth != BLANK, 1.0, 0.15)
        total = total + weight * (functional.cross_entropy(logits, truth, reduction="none") * share).sum() / share.sum()
        shown["letters"] = (logits.argmax(dim=1) == truth)[truth != BLANK].float().mean().item()
    below = under(batch["boxes"], part.rows, part.columns)
    rows = below.any(dim=1).nonzero()[:, 0]
    rows = rows[torch.randperm(len(rows), device=device)[:most]]
    owner, window, place, ids = batch["tokens"][rows].unbind(dim=1)
    below = below[rows]
    if part.words:
        drawn = torch.randint(999, len(teacher.words), (800,), device=device)
        soft_unit = functional.normalize(soft.float().flatten(1, 2), dim=-1)
        loss, right = naming(soft_unit, teacher.words[ids], ids, owner, below, scales[0], (teacher.words[drawn], drawn))
        total, shown["words"] = total + part.words * loss, right.float().mean().item()
    if states is not None:
        patches = functional.normalize(states.float(), dim=-1)
        vectors = teacher(batch["windows"])[window, place]
        targets = functional.normalize(vectors - teacher.common, dim=-1)
        loss, right = naming(patches, targets, ids, owner, below, scales[1])
        total, shown["tokens"] = total + part.tokens * loss, right.float().mean().item()
        real = batch["owners"] >= 0
    if states is not None and real.any():
        asked = teacher(batch["questions"])
        found = maxsim(asked[real], (batch["questions"][real] != PAD).float(), patches) * scales[2]
        loss = functional.cross_entropy(found, batch["owners"][real])
        total, shown["questions"] = (
            total + part.questions * loss,
            (found.argmax(dim=1) == batch["owners"][real]).float().mean().item(),
        )
    return total, shown


def train(wanted: argparse.Namespace) -> None:
    """All parts, each from where it was left."""
    torch.manual_seed(wanted.seed)
    teacher = Teacher(wanted.pack)
    net = Trainee(teacher, wanted.tiny).to(wanted.device)
    teacher.to(wanted.device).centre(Artist(wanted.pack))
    record = wanted.out / "record.json"
    wanted.out.mkdir(parents=True, exist_ok=True)
    runs = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else []
    began = time.monotonic()
    shares = sum(PARTS[name].share for name in wanted.parts)
    if wanted.start:
        blend(net, wanted.start)
    for name in wanted.parts:
        within = 60 * wanted.within * PARTS[name].share / shares
        if not fit(wanted, name, net, teacher, runs, record, began, within):
            return


def fit(
    wanted: argparse.Namespace,
    name: str,
    net: Trainee,
    teacher: Teacher,
    runs: list[dict],
    record: Path,
    began: float,
    within: float,
) -> bool:
    """One part; whether it came to its end. The average of the weights is left in `net`."""
    part, folder = PARTS[name], wanted.out / name
    folder.mkdir(parents=True, exist_ok=True)
    named = dict(net.named_parameters())
    slow = [key for key, value in named.items() if value.ndim < 2 or key.endswith(("row", "column"))]
    groups = [
        {"params": [value for key, value in named.items() if key not in slow], "weight_decay": 0.02},
        {"params": [named[key] for key in slow], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=part.rate, betas=(0.9, 0.98))
    average = {key: value.detach().clone() for key, value in named.items()}
    last, done = folder / "last.safetensors", 0
    if last.is_file():
        done = resume(last, named, average, optimizer)
    size = max(2, wanted.size // part.fewer)
    steps = wanted.steps[wanted.parts.index(name)] if wanted.steps else part.steps
    by_clock = math.isfinite(within)
    batches = Batches(wanted.pack, name, size, wanted.seed)
    loader = DataLoader(
        batches,
        batch_size=None,
        sampler=range(done, 10**7 if by_clock else steps),
        num_workers=wanted.workers,
        prefetch_factor=2 if wanted.workers else None,
        # As arrays: tensors would pass through shared memory, of which some machines have little.
        collate_fn=lambda batch: {key: value.numpy() for key, value in batch.items()},
    )
    bar = tqdm(initial=done, total=None if by_clock else steps, mininterval=10, desc=name)
    seen: list[dict[str, float]] = []
    started = saved = time.monotonic()
    step = done

    def note() -> None:
        """A line of the record: where the run is, and the means since the last line."""
        where = {"part": name, "step": step, "pages": step * size, "seconds": round(time.monotonic() - started)}
        keys = dict.fromkeys(key for one in seen for key in one)
        means = {key: round(float(np.mean([one[key] for one in seen if key in one])), 4) for key in keys}
        runs.append({**where, "device": device_name(wanted.device), **means})
        record.write_text(json.dumps(runs, indent=1) + "\n", encoding="utf-8")

    for batch in loader if done < steps or by_clock else []:
        progress = (time.monotonic() - started) / within if by_clock else step / steps
        if progress >= 1:
            break
        torch.manual_seed(10**6 * wanted.seed + step)
        for group in optimizer.param_groups:
            group["lr"] = (
                part.rate
                * min(1.0, (step + 1) / wanted.warm)
                * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))
            )
        tensors = {key: torch.from_numpy(value) for key, value in batch.items()}
        loss, shown = losses(net, teacher, tensors, part, progress, wanted.tokens)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        keep = min(wanted.average, step / (step + 10))
        with torch.no_grad():
            for key, value in named.items():
                average[key].lerp_(value, 1 - keep)
        step += 1
        bar.update()
        seen.append({"loss": loss.item(), **shown})
        now = time.monotonic()
        over = now - began > 60 * wanted.minutes or step - done == wanted.stop
        if over or step == steps or now - saved > 60 * wanted.every:
            save(last, step, named, average, optimizer)
            note()
            bar.write(json.dumps(runs[-1]))
            seen.clear()
            saved = time.monotonic()
        if over:
            return False
    if by_clock:
        save(last, step, named, average, optimizer)
        note()
    save_average(folder, step, average)
    with torch.no_grad():
        for key, value in named.items():
            value.copy_(average[key])
    return True


def device_name(device: str) -> str:
    """The kind of processor that ran."""
    return torch.cuda.get_device_name() if device == "cuda" else f"CPU, {torch.get_num_threads()} threads"


MOMENTS = ("exp_avg", "exp_avg_sq", "step")


def save(
    path: Path, step: int, named: dict[str, Tensor], average: dict[str, Tensor], optimizer: torch.optim.Optimizer
) -> None:
    """All that continuing needs, whole or not at all."""
    tensors = {"steps": torch.tensor(step)} | {f"average.{key}": value for key, value in average.items()}
    for key, value in named.items():
        tensors[f"model.{key}"] = value
        # What had no gradient yet has no moments.
        tensors |= {f"{moment}.{key}": optimizer.state[value][moment] for moment in MOMENTS if value in optimizer.state}
    partial = path.with_suffix(".partial")
    save_file({key: value.detach().cpu().contiguous() for key, value in tensors.items()}, partial)
    partial.replace(path)


@torch.no_grad()
def resume(path: Path, named: dict[str, Tensor], average: dict[str, Tensor], optimizer: torch.optim.Optimizer) -> int:
    """Read what `save` wrote into all three; the number of steps done."""
    tensors = load_file(path)
    for key, value in named.items():
        value.copy_(tensors[f"model.{key}"])
        average[key].copy_(tensors[f"average.{key}"])
        if f"step.{key}" in tensors:
            state = {moment: tensors[f"{moment}.{key}"] for moment in MOMENTS}
            optimizer.state[value] = state | {moment: state[moment].to(value.device) for moment in MOMENTS[:2]}
    return int(tensors["steps"])


def save_average(folder: Path, step: int, average: dict[str, Tensor]) -> None:
    """The average alone, in half precision and in two files: what measuring, exporting and going over to pages need."""
    half = {f"average.{key}": value.detach().cpu().half().contiguous() for key, value in average.items()}
    deep = [key for key in half if ".layers." in key]
    for number, keys in enumerate((deep, [key for key in half if key not in deep]), start=1):
        tensors = {key: half[key] for key in keys} | {"steps": torch.tensor(step)}
        save_file(tensors, folder / f"average-{number}.safetensors")


def weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint: a file, or the folder of a part that came to its end."""
    files = sorted(path.glob("average-*.safetensors")) if path.is_dir() else [path]
    if not files:
        raise FileNotFoundError(f"{path} holds no average-*.safetensors: that part is not finished, name a file.")
    return {key: value for file in files for key, value in load_file(file).items()}


@torch.no_grad()
def blend(net: Trainee, path: Path) -> None:
    """Set a network to the averaged weights in a checkpoint."""
    tensors = weights(path)
    for key, value in net.named_parameters():
        value.copy_(tensors[f"average.{key}"])


@torch.inference_mode()
def evaluate(
    wanted: argparse.Namespace, net: Trainee, teacher: Teacher, name: str, groups: int, fonts: str
) -> dict[str, float]:
    """Shares of what is right on pages with text that training never drew.

    Letters under cells; soft tokens and patches named among 1,500 at the patch that speaks for a token, and chance;
    pages found by a question among 24 and among all, by kind of question; copies and near copies among vectors.
    """
    part, device = PARTS[name], wanted.device
    batches = Batches(wanted.pack, name, 24, 0, held_out=True, fonts=fonts)
    vectors, targets, speakers, soft_speakers, ids, letters = [], [], [], [], [], []
    asked, there, owners, kinds, copies, nearly = [], [], [], [], [], []
    for group in tqdm(range(groups), desc=f"{name}, {fonts}"):
        batch = {key: value.to(device) for key, value in batches[group].items()}
        torch.manual_seed(group)
        for start in range(0, 24, 24 // part.fewer if part.fewer > 1 else 24):
            rows = slice(start, start + (24 // part.fewer if part.fewer > 1 else 24))
            with torch.autocast(device, torch.bfloat16):
                cells = net.reader.cells(batch["pixels"][rows].float())
                soft = net.reader.soft_tokens(cells)
                read = net.letters(cells.permute(0, 2, 3, 1)).argmax(dim=-1)
                patches = net.reader.projection(net.reader.states(soft, tuple(batch["corner"].tolist())))
            patches = functional.normalize(patches.float(), dim=-1)
            soft = functional.normalize(soft.float().flatten(1, 2), dim=-1)
            truth = batch["cells"][rows].long()
            letters.append((read == truth)[truth != BLANK].float())
            vectors.append(patches)
            same = patches @ patches.transpose(1, 2) - 2 * torch.eye(patches.shape[1], device=device)
            best = same.amax(dim=2)
            copies.append((best > COPY).float().mean(dim=1))
            nearly.append((best > NEAR).float().mean(dim=1))
            mine = (batch["tokens"][:, 0] >= start) & (batch["tokens"][:, 0] < start + len(patches))
            below = under(batch["boxes"], part.rows, part.columns)
            mine = (mine & below.any(dim=1)).nonzero()[:, 0]
            mine = mine[torch.randperm(len(mine), device=device)[:300]]
            owner, window, place, token = batch["tokens"][mine].unbind(dim=1)
            vector = functional.normalize(teacher(batch["windows"])[window, place] - teacher.common, dim=-1)
            for unit, target, out in ((patches, vector, speakers), (soft, teacher.words[token], soft_speakers)):
                own = torch.einsum("td,tpd->tp", target, unit[owner - start]).masked_fill(~below[mine], -9)
                out.append(unit[owner - start, own.argmax(dim=1)])
            targets.append(vector)
            ids.append(token)
        real = batch["owners"] >= 0
        asked.append(teacher(batch["questions"])[real])
        there.append((batch["questions"][real] != PAD).float())
        owners.append(batch["owners"][real] + 24 * group)
        kinds.append(batch["kinds"][real])
    found: dict[str, float] = {"letters": torch.cat(letters).mean().item()}
    spoken, soft_spoken, target, token = (
        torch.cat(speakers),
        torch.cat(soft_speakers),
        torch.cat(targets),
        torch.cat(ids),
    )
    bank = torch.arange(len(token), device=device)[:1500]
    for label, speaker, against in (("word", soft_spoken, teacher.words[token]), ("token", spoken, target)):
        logits = (speaker @ against[bank].T).masked_fill(token[:, None] == token[bank][None], -9)
        found[f"{label} among {len(bank)}"] = (
            ((speaker * against).sum(dim=1) > logits.amax(dim=1)).float().mean().item()
        )
    pages, questions, mask = torch.cat(vectors), torch.cat(asked), torch.cat(there)
    scores = torch.cat([maxsim(questions[k : k + 8], mask[k : k + 8], pages) for k in range(0, len(questions), 8)])
    owner, kind = torch.cat(owners), torch.cat(kinds)
    among = scores.view(len(scores), groups, 24)[torch.arange(len(scores)), owner // 24]
    first, overall = (among.argmax(dim=1) == owner % 24).float(), (scores.argmax(dim=1) == owner).float()
    found["page among 24"], found[f"page among {24 * groups}"] = first.mean().item(), overall.mean().item()
    for number, label in enumerate(("run", "caption", "drawing", "cell", "real")):
        if (kind == number).any():
            found[f"page among 24, {label} ({int((kind == number).sum())})"] = first[kind == number].mean().item()
    found["copies"], found["near copies"] = torch.cat(copies).mean().item(), torch.cat(nearly).mean().item()
    return {key: round(value, 4) for key, value in found.items()}


def on_pages(wanted: argparse.Namespace, net: Trainee) -> dict[str, float]:
    """nDCG@5 by type of question on the dev questions of `data/pages`, through the project's own functions."""
    import tempfile

    from lateint_ref.encoders.pixels import load_pixels, write_pixels
    from lateint_ref.evaluation import by_type, make_run
    from lateint_ref.ocr import load_pages_dataset, page_image
    from lateint_ref.scores import maxsim_scores

    late, late_is = late_of(wanted.pack)
    with tempfile.TemporaryDirectory() as folder:
        write_pixels(Path(folder), net.reader, late, late_is)
        encoder = load_pixels(Path(folder), late)
    dataset = load_pages_dataset("dev")
    ids = [passage.id for passage in dataset.passages]
    pages = encoder.encode_pages([page_image(page) for page in ids], ids, progress=True)
    run = make_run(dataset, lambda text: maxsim_scores(encoder.encode_query(text), pages.vectors))
    table = by_type({"pages": run}, dataset, "nDCG@5")
    return {f"{kind} ({int(row.queries)})": round(float(row.pages), 4) for kind, row in table.iterrows()}


def late_of(pack: Path) -> tuple:
    """The late encoder of a pack as the project loads it, and which one that is."""
    from lateint_ref.encoders import load_late

    which = json.loads((pack / "pack.json").read_text(encoding="utf-8"))["late"]
    return (load_late("trained") if which == "trained" else load_late()), which


def main() -> None:
    """Train, measure or export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", type=Path, default=Path("build/training/page-pack"), help="what page_pack.py wrote")
    parser.add_argument("--out", type=Path, default=Path("build/training/page"))
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--steps", type=int, nargs="+", help="of each of the parts")
    parser.add_argument("--size", type=int, default=24, help="crops a batch; of pages a twelfth")
    parser.add_argument("--tokens", type=int, default=TOKENS, help="tokens in the losses of a batch at most")
    parser.add_argument(
        "--within", type=float, default=math.inf, help="minutes for all parts, by the clock, instead of steps"
    )
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after so many, to go on later")
    parser.add_argument("--stop", type=int, default=0, help="stop after so many steps, to go on later")
    parser.add_argument("--every", type=float, default=5.0, help="minutes between checkpoints")
    parser.add_argument("--warm", type=int, default=100, help="steps over which the learning rate rises")
    parser.add_argument(
        "--average", type=float, default=0.995, help="share of the old weights in their running average"
    )
    parser.add_argument("--workers", type=int, default=0, help="processes that draw")
    parser.add_argument("--threads", type=int, default=0, help="of the CPU; 0 for all")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--tiny", action="store_true", help="a small network, to see that the recipe works")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path, help="checkpoint, or folder of a finished part, to begin with")
    parser.add_argument("--evaluate", type=Path, metavar="PATH", help="checkpoint, or folder of a finished part")
    parser.add_argument("--groups", type=int, default=4, help="of 24 held-out crops to measure on")
    parser.add_argument("--whole", type=int, default=0, help="of 24 held-out pages to measure on")
    parser.add_argument("--pages", action="store_true", help="measure on the dev questions of data/pages, too")
    parser.add_argument("--export", type=Path, help="write the checkpoint as a trained page encoder to this folder")
    wanted = parser.parse_args()
    if wanted.steps and len(wanted.steps) != len(wanted.parts):
        parser.error("--steps takes one number for each of --parts")
    if wanted.threads:
        torch.set_num_threads(wanted.threads)
    torch.set_float32_matmul_precision("high")
    if not wanted.evaluate:
        train(wanted)
        return
    teacher = Teacher(wanted.pack).to(wanted.device)
    teacher.centre(Artist(wanted.pack))
    net = Trainee(tiny=wanted.tiny).to(wanted.device).eval()
    blend(net, wanted.evaluate)
    found = {}
    for name, groups, fonts in (
        ("crops", wanted.groups, "fonts"),
        ("crops", wanted.groups, "held_fonts"),
        ("pages", wanted.whole, "fonts"),
    ):
        if groups:
            found[f"{name}, {fonts}"] = evaluate(wanted, net, teacher, name, groups, fonts)
    if wanted.pages:
        found["data/pages dev, nDCG@5"] = on_pages(wanted, net.cpu())
    print(json.dumps(found, indent=1), flush=True)
    path = (wanted.evaluate if wanted.evaluate.is_dir() else wanted.evaluate.parent) / "evaluation.json"
    path.write_text(
        json.dumps({"steps": int(weights(wanted.evaluate)["steps"]), **found}, indent=1) + "\n", encoding="utf-8"
    )
    if wanted.export:
        from lateint_ref.encoders.pixels import write_pixels

        write_pixels(wanted.export, net.cpu().reader, *late_of(wanted.pack))


if __name__ == "__main__":
    main()
