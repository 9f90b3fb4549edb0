"""The bundled collections: `python -m workbook data` reads them with every check and lists them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from lateint_ref.datasets import data_folder, load_beir


def main(command: str, arguments: Sequence[str]) -> int:
    """`python -m workbook data`: read all the bundled collections, with every check, and print what there is.

    The report pages in `data/pages` are built first where they are missing.
    """
    parser = argparse.ArgumentParser(prog=f"python -m workbook {command}", description=main.__doc__)
    parser.add_argument("--rebuild-pages", action="store_true", help="draw data/pages anew from its seed")
    parser.add_argument("--read-all", action="store_true", help="with it: OCR for every page, changed or not (slow)")
    options = parser.parse_args(arguments)
    pages = data_folder() / "pages"
    if options.rebuild_pages or not (pages / "corpus.jsonl").is_file():
        from workbook.pages_build.build import build

        build(pages, read_all=options.read_all)
    import pandas as pd

    from workbook.apidocs import load_apidocs, load_see_also

    found = [
        load_beir(folder, judgments.stem)
        for folder in sorted(path.parent for path in data_folder().glob("*/corpus.jsonl"))
        for judgments in sorted((folder / "qrels").glob("*.tsv"))
    ]
    found += [load_apidocs("dev"), load_apidocs("test"), load_see_also()]
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
