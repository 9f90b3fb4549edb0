"""All trainings in one run of a few minutes on a GPU: late, cross, and late again from the cross-encoder's scores.

    python data/training/gpu.py --pack build/training/pack --out OUT --minutes 8

Reads the packed folder and nothing else; needs torch, transformers, safetensors, NumPy and tqdm. Each part first times
a few steps, then takes as many as fit its share of the time, so that the learning rate comes down in time on any card.
Writes the averaged weights in half precision, each network in two files of 11 MB (`late-1.safetensors` and so on), and
`run.json`: settings, steps, seconds, and quality on the held-out questions before and after. `export.py` takes them in.

`--tiny` runs every line of it in minutes on a CPU, to see that it works; what it writes is worthless.
"""

import argparse
import json
import time
from argparse import Namespace
from pathlib import Path
from tempfile import TemporaryDirectory

import cross
import late
import torch
from model import Late, Pool, measure
from safetensors.torch import save_file

# Share of the time, clusters a step, learning rate, share of the old weights in the average.
PARTS = {"late": (0.35, 16, 1e-4, 0.99), "cross": (0.3, 8, 8e-5, 0.99), "distilled": (0.12, 4, 3e-5, 0.98)}
TIMED = 8  # steps that the pace is measured on


def main() -> None:
    """Train all three and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", type=Path, default=Path("build/training/pack"))
    parser.add_argument("--out", type=Path, default=Path("build/training/gpu"))
    parser.add_argument("--minutes", type=float, default=8.0, help="for all of it, loading and measuring included")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--tiny", action="store_true", help="two steps of each part on a handful of questions")
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    began = time.monotonic()
    torch.set_float32_matmul_precision("high")
    wanted.out.mkdir(parents=True, exist_ok=True)
    pool = Pool(wanted.pack)
    if wanted.tiny:
        held, corpus = pool.tensors["held"][::13], pool.tensors["held_corpus"]
        few = corpus[torch.isin(corpus[:, 0], held[:, 1])]
        pool.tensors["held"], pool.tensors["held_corpus"], pool.clusters = held, few, pool.clusters[:8]
    report: dict = {"torch": torch.__version__, "device": wanted.device, "minutes": wanted.minutes, "parts": {}}
    if wanted.device == "cuda":
        report["device"] = torch.cuda.get_device_name()

    encoder = Late(wanted.pack).to(wanted.device)
    report["untrained"] = measure(encoder, pool, late.DOCUMENT)

    def run(name: str, model: torch.nn.Module, module: object, *others: object, **options: object) -> None:
        share, clusters, rate, average = PARTS[name]
        options |= {"rate": rate, "average": average, "seed": wanted.seed, "device": wanted.device, "pack": wanted.pack}
        chosen = module.settings().parse_args([], Namespace(**options, clusters=1 if wanted.tiny else clusters))
        chosen.every = 10**9

        def steps(count: int) -> tuple[dict[str, torch.Tensor], float]:
            chosen.steps, start = count, time.monotonic()
            with TemporaryDirectory() as folder:
                chosen.out = Path(folder) / name
                average = module.train(chosen, pool, model, *others)
            return average, time.monotonic() - start

        if wanted.tiny:
            average, seconds = steps(2)
        else:
            kept = {key: value.clone() for key, value in model.state_dict().items()}
            pace = (steps(3 + TIMED)[1] - steps(3)[1]) / TIMED  # what starting and ending costs falls out
            model.load_state_dict(kept)
            average, seconds = steps(max(60, int(share * wanted.minutes * 60 / pace)))
        for key, value in average.items():
            dict(model.named_parameters())[key].data.copy_(value)
        said = {
            key: str(value) for key, value in vars(chosen).items() if key not in ("pack", "out", "every", "minutes")
        }
        report["parts"][name] = {"seconds": round(seconds), **said}

    run("late", encoder, late)
    report["late"] = measure(encoder, pool, late.DOCUMENT)
    write(wanted.out, "late", encoder)
    judge = cross.Cross(wanted.pack).to(wanted.device)
    run("cross", judge, cross, encoder, questions=24 if wanted.tiny else 96)
    write(wanted.out, "cross", judge)
    report["cross"] = cross.measure(judge, encoder, pool, depth=20, questions=1 if wanted.tiny else 20)
    run("distilled", encoder, late, judge)
    report["distilled"] = measure(encoder, pool, late.DOCUMENT)
    write(wanted.out, "distilled", encoder)
    report["seconds"] = round(time.monotonic() - began)
    (wanted.out / "run.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print({name: round(float(report[name]["mean"]), 4) for name in ("untrained", "late", "distilled")})
    print("reranked, before and after:", [round(float(value), 4) for value in report["cross"]["mean"]])


def write(folder: Path, name: str, model: torch.nn.Module) -> None:
    """A network's trained weights in half precision, in two files."""
    trained = {f"average.{key}": value for key, value in model.named_parameters() if value.requires_grad}
    halves = [key for key in trained if any(f".layer.{number}." in key for number in range(3))]
    for number, keys in enumerate((halves, [key for key in trained if key not in halves]), start=1):
        tensors = {key: trained[key].detach().cpu().half().contiguous() for key in keys}
        save_file(tensors, folder / f"{name}-{number}.safetensors")


if __name__ == "__main__":
    main()
