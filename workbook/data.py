"""The bundled collections: `python -m workbook data` reads them with every check and lists them."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import lateint_ref
from lateint_ref.datasets import Dataset, data_folder, load_beir


def load_apidocs(split: str = "dev") -> Dataset:
    """The collection `data/apidocs`: the documentation of 1,550 functions of NumPy, SciPy and scikit-learn.

    Args:
        split: `"dev"` for choices, `"test"` for reporting; they share no answer.

    Raises:
        FileNotFoundError: no such data folder or split.
        ValueError: a broken file.
    """
    return load_beir(data_folder() / "apidocs", split)


def load_see_also() -> Dataset:
    """The same passages with a judged set that nobody here wrote: what "See Also" sections say about other functions.

    Raises:
        FileNotFoundError, ValueError: as `load_apidocs`.
    """
    return load_apidocs("see-also")


def main(command: str, arguments: Sequence[str]) -> int:
    """`python -m workbook data`: read all the bundled collections, with every check, and print what there is.

    The report pages in `data/pages` are built first where they are missing.

    Returns:
        Exit status: 0; 2 where a collection is missing or broken, which is printed.
    """
    told = "Read the bundled collections with every check and list them."
    parser = argparse.ArgumentParser(prog=f"python -m workbook {command}", description=told, allow_abbrev=False)
    parser.add_argument("--rebuild-pages", action="store_true", help="draw data/pages anew from its seed")
    parser.add_argument("--read-all", action="store_true", help="with it: OCR for every page, changed or not (slow)")
    options = parser.parse_args(arguments)
    try:
        pages = data_folder() / "pages"
        if options.rebuild_pages or not (pages / "corpus.jsonl").is_file():
            build_pages(pages, options.read_all)
        found = [
            load_beir(folder, judgments.stem)
            for folder in sorted(path.parent for path in data_folder().glob("*/corpus.jsonl"))
            for judgments in sorted((folder / "qrels").glob("*.tsv"))
        ]
    except (FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    except subprocess.CalledProcessError:  # drawing the pages; that process has said why
        return 2
    import pandas as pd

    rows = [
        {
            "collection": dataset.name,
            "split": dataset.split,
            "documents": len(dataset.passages),
            "queries": len(dataset.queries),
            "judgments": sum(len(grades) for grades in dataset.qrels.values()),
        }
        for dataset in found
    ]
    print(pd.DataFrame(rows).to_string(index=False))
    return 0


def build_pages(folder: Path, read_all: bool = False) -> None:
    """Run `data/pages/source`, which draws the report pages of `folder`, in a process of its own.

    Raises:
        subprocess.CalledProcessError: it failed; it has said why.
    """
    # The source is a package beside the pages, or else those of this clone, and imports lateint_ref, which need not be
    # installed.
    clone = Path(lateint_ref.__file__).resolve().parent.parent
    paths = [str(folder.resolve()), str(clone / "data" / "pages"), str(clone), os.environ.get("PYTHONPATH", "")]
    command = [sys.executable, "-m", "source.build", str(folder.resolve())]
    command += ["--read-all"] if read_all else []
    subprocess.run(command, env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}, check=True)
