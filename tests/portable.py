"""Run the notebooks under strict nbval as other processors would: `make portable`, before new numbers are committed.

Each setting makes the libraries choose the code that they would choose elsewhere; the last one changes the encoders'
results by as much as processors differ, with another seed each round. A setting has a cache folder of its own, so
its first round encodes and the later ones take what it kept.

    python tests/portable.py --rounds 3                     # all notebooks in all settings
    python tests/portable.py --only 08 --settings haswell   # one of each
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
ONE_THREAD = dict.fromkeys(THREADS, "1")
AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
NO_AVX512 = {"NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL"}
SETTINGS = {
    "as-is": {},
    "one-thread": ONE_THREAD,
    "openblas-haswell": {"OPENBLAS_CORETYPE": "Haswell"},
    "haswell": {"OPENBLAS_CORETYPE": "Haswell", "NUMBA_CPU_NAME": "haswell", **AVX2, **NO_AVX512, **ONE_THREAD},
    "skylake": {
        "OPENBLAS_CORETYPE": "SkylakeX",
        "ATEN_CPU_CAPABILITY": "avx512",
        "NUMBA_CPU_NAME": "skylake-avx512",
        **ONE_THREAD,
    },
    "zen": {"OPENBLAS_CORETYPE": "Zen", "NUMBA_CPU_NAME": "znver2", **AVX2, **NO_AVX512, **ONE_THREAD},
    "perturbed": ONE_THREAD,
}


def environment(setting, round_, folder):
    """What the pytest of one round inherits; variables of the settings that the shell has set are taken out."""
    ours = {name for values in SETTINGS.values() for name in values}
    found = {name: value for name, value in os.environ.items() if name not in ours}
    found |= {"LATEINT_CACHE": str(folder / "cache"), "NUMBA_CACHE_DIR": str(folder / "numba"), "HF_HUB_OFFLINE": "1"}
    found |= SETTINGS[setting]
    if setting == "perturbed":
        found |= {"LATEINT_PERTURB": str(round_), "LATEINT_CACHE": str(folder / f"cache-{round_}")}
    return found


def run(notebook, setting, round_, out):
    """One notebook once: the cells that failed, with nbval's comparison, and the seconds."""
    folder = out / setting
    folder.mkdir(parents=True, exist_ok=True)
    report = folder / f"{notebook.stem}-{round_}.xml"
    command = [sys.executable, "-m", "pytest", "--nbval", str(notebook), "-q", "-p", "no:cacheprovider"]
    start = time.monotonic()
    found = subprocess.run(
        [*command, f"--junitxml={report}"],
        cwd=ROOT,
        env=environment(setting, round_, folder),
        capture_output=True,
        text=True,
        check=False,
    )
    (folder / f"{notebook.stem}-{round_}.log").write_text(found.stdout + found.stderr, encoding="utf-8")
    cells = ET.parse(report).getroot().iter("testcase") if report.exists() else ()
    failed = [case.get("name") for case in cells if case.find("failure") is not None or case.find("error") is not None]
    if found.returncode and not failed:
        failed = [f"pytest ended with {found.returncode}"]
    result = {"setting": setting, "round": round_, "notebook": notebook.stem, "sha256": digest(notebook)}
    return result | {"failed": failed, "seconds": round(time.monotonic() - start)}


def digest(notebook):
    return hashlib.sha256(notebook.read_bytes()).hexdigest()


def passed(log):
    """Setting, round, notebook and digest of what passed before: an interrupted run goes on where it was."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    found = [json.loads(line) for line in lines]
    return {(one["setting"], one["round"], one["notebook"], one["sha256"]) for one in found if not one["failed"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[""], metavar="NN", help="notebooks whose names start so")
    parser.add_argument("--settings", nargs="+", default=list(SETTINGS), choices=SETTINGS, metavar="NAME")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--first", type=int, default=1, help="number of the first round")
    parser.add_argument("--jobs", type=int, default=2, help="notebooks at a time")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "portable")
    wanted = parser.parse_args()
    notebooks = [p for p in sorted((ROOT / "notebooks").glob("*.ipynb")) if p.name.startswith(tuple(wanted.only))]
    # Side by side they would spin for each other's cores; how a thread waits changes no number.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    tasks = [
        (notebook, setting, round_)
        for round_ in range(wanted.first, wanted.first + wanted.rounds)
        for setting in wanted.settings
        for notebook in notebooks
    ]
    bad = 0
    wanted.out.mkdir(parents=True, exist_ok=True)
    results = wanted.out / "results.jsonl"
    done = passed(results)
    tasks = [task for task in tasks if (task[1], task[2], task[0].stem, digest(task[0])) not in done]
    with ThreadPoolExecutor(wanted.jobs) as pool, results.open("a", encoding="utf-8") as log:
        for result in pool.map(lambda task: run(*task, wanted.out), tasks):
            bad += bool(result["failed"])
            log.write(json.dumps(result) + "\n")
            log.flush()
            verdict = "; ".join(result["failed"]) or "passed"
            print(f"{result['round']} {result['setting']:<17} {result['notebook']:<24} {verdict}", flush=True)
    print(f"{len(tasks)} runs, {bad} failed")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
