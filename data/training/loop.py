"""The training loop of all recipes: AdamW, a running average of the weights, checkpoints that continue to the bit."""

import math
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm.auto import tqdm


def arguments(parser: ArgumentParser, steps: int, clusters: int) -> None:
    """The settings that the recipes share."""
    parser.add_argument("--pack", type=Path, default=Path("build/training/pack"), help="what pool.py wrote")
    parser.add_argument("--out", type=Path, default=Path("build/training") / Path(parser.prog).stem)
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--clusters", type=int, default=clusters, help="clusters of 24 pairs a step")
    parser.add_argument("--rate", type=float, default=5e-5, help="learning rate of the layers")
    parser.add_argument(
        "--average", type=float, default=0.995, help="share of the old weights in their running average"
    )
    parser.add_argument("--every", type=int, default=100, help="steps between checkpoints")
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop, to go on later, after so many")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seed", type=int, default=0)


def fit(
    wanted: Namespace,
    model: nn.Module,
    faster: dict[str, float],
    loss_of: Callable[[Tensor], tuple[Tensor, float]],
    batches: list[Tensor],
) -> dict[str, Tensor]:
    """Run the steps that are not done yet.

    Args:
        wanted: as `arguments` gives them.
        model: its parameters that require a gradient are trained.
        faster: how many times the learning rate a parameter takes, by its name; 1 for all others.
        loss_of: the loss of one batch, and a number to show beside it.
        batches: in their order, from the start again when they are used up.

    Returns:
        The running average of the weights, by their names.
    """
    torch.manual_seed(wanted.seed)
    named = {name: value for name, value in model.named_parameters() if value.requires_grad}
    groups = [{"params": [value], "share": faster.get(name, 1.0)} for name, value in named.items()]
    optimizer = torch.optim.AdamW(groups, lr=wanted.rate, betas=(0.9, 0.98), weight_decay=0.0)
    average = {name: value.detach().clone() for name, value in named.items()}
    wanted.out.mkdir(parents=True, exist_ok=True)
    last = wanted.out / "last.safetensors"
    done = resume(last, named, average, optimizer) if last.is_file() else 0
    bar = tqdm(range(done, wanted.steps), initial=done, total=wanted.steps, mininterval=10, desc=wanted.out.name)
    began, seen = time.monotonic(), []
    for step in bar:
        for group in optimizer.param_groups:
            group["lr"] = wanted.rate * group["share"] * rate_at(step, wanted.steps)
        loss, shown = loss_of(batches[step % len(batches)])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(named.values(), 1.0)
        optimizer.step()
        # The average of the first steps is a plain one: it shall not remember the start for hundreds of steps.
        keep = min(wanted.average, step / (step + 10))
        with torch.no_grad():
            for name, value in named.items():
                average[name].lerp_(value, 1 - keep)
        seen.append((loss.item(), shown))
        over = time.monotonic() - began > 60 * wanted.minutes
        if (step + 1) % wanted.every == 0 or step + 1 == wanted.steps or over:
            save(last, average, named, optimizer)
            save(wanted.out / f"step-{step + 1}.safetensors", average)
            mean = torch.tensor(seen).mean(dim=0)
            bar.write(f"{step + 1} steps: loss {mean[0]:.4f}, {mean[1]:.3f}")
            seen.clear()
        if over:
            break
    return average


def rate_at(step: int, steps: int, warm: int = 50) -> float:
    """Share of the learning rate: up over `warm` steps, constant, and down to nothing over the last quarter."""
    return min(1.0, (step + 1) / warm, max(0.02, (steps - step) / (0.25 * steps)))


MOMENTS = ("exp_avg", "exp_avg_sq", "step")


def save(path: Path, average: dict[str, Tensor], named: dict | None = None, optimizer: object = None) -> None:
    """Write the average alone, or with an optimizer all that continuing needs; whole or not at all."""
    tensors = {f"average.{name}": value for name, value in average.items()}
    for name, value in (named or {}).items():
        tensors[f"model.{name}"] = value
        tensors |= {f"{moment}.{name}": optimizer.state[value][moment] for moment in MOMENTS}
    partial = path.with_suffix(".partial")
    save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, partial)
    partial.replace(path)


@torch.no_grad()
def resume(path: Path, named: dict[str, nn.Parameter], average: dict[str, Tensor], optimizer: object) -> int:
    """Read what `save` wrote into all three; the number of steps done."""
    tensors = load_file(path)
    done = 0
    for name, value in named.items():
        value.copy_(tensors[f"model.{name}"])
        average[name].copy_(tensors[f"average.{name}"])
        state = {moment: tensors[f"{moment}.{name}"] for moment in MOMENTS}
        optimizer.state[value] = state | {moment: state[moment].to(value.device) for moment in MOMENTS[:2]}
        done = int(state["step"])
    return done


@torch.no_grad()
def blend_in(model: nn.Module, untrained: dict[str, Tensor], path: Path, share: float) -> None:
    """Set a model between its untrained weights (share 0) and the average in a checkpoint (share 1)."""
    trained = load_file(path)
    for name, value in model.named_parameters():
        if f"average.{name}" in trained:
            value.copy_(torch.lerp(untrained[name], trained[f"average.{name}"].to(value.device), share))
