"""Write `data/pages`: PDFs, page images, OCR, corpus, queries and judgments. The same versions give the same bytes."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from lateint_ref.ocr import read_words, words_record
from lateint_ref.page_io import open_image, pixels_digest
from source.report import Report, draw_report

DPI = 110
_COLOURS, _GREYS = 48, 16
Record = dict[str, Any]
Words = list[list[Any]]
TOOLS = ("matplotlib", "onnxruntime", "pillow", "pypdfium2", "rapidocr", "reportlab")


def page_pngs(report: Report, pdf: bytes) -> list[bytes]:
    """Rasterise a report's PDF at 110 dpi: palettes of 48 colours, 16 greys for scanned pages; no times inside."""
    import pypdfium2
    from PIL import Image

    found = []
    document = pypdfium2.PdfDocument(pdf)
    for page, drawn in zip(report.pages, document, strict=True):
        image = drawn.render(scale=DPI / 72).to_pil().convert("RGB")
        if "scan" in page.kinds:
            # greys at equal steps: a palette fitted to the page would spend itself on the grain and bleach the ink
            steps = np.asarray(image.convert("L")).astype(np.float64) / 255 * (_GREYS - 1)
            image = Image.fromarray(np.rint(steps).astype(np.uint8), "P")
            image.putpalette([round(255 * i / (_GREYS - 1)) for i in range(_GREYS) for _ in range(3)])
        else:
            image = image.quantize(_COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        buffer = io.BytesIO()
        image.save(buffer, "PNG", optimize=True, bits=4 if "scan" in page.kinds else 8)
        found.append(buffer.getvalue())
    document.close()
    return found


def own_text(clean: bytes) -> list[str]:
    """The generator's own text of every page, in the order of drawing, from the PDF before any page was scanned."""
    import pypdfium2

    document = pypdfium2.PdfDocument(clean)
    texts = [" ".join(page.get_textpage().get_text_bounded().split()) for page in document]
    document.close()
    return texts


def judgments(reports: Sequence[Report]) -> tuple[list[Record], dict[str, list[tuple[str, str, int]]]]:
    """Queries and judgments of all reports.

    Returns:
        `(queries, qrels)`: lines of `queries.jsonl`, and for each split `(query id, page id, grade)`.

    Raises:
        ValueError: a question points to a page of the other split, or twice to one page.
    """
    by_name = {report.name: report for report in reports}
    queries: list[Record] = []
    qrels: dict[str, list[tuple[str, str, int]]] = {"dev": [], "test": []}
    for report in reports:
        for number, ask in enumerate(report.asks, start=1):
            query_id = f"{report.name}-q{number:02d}"
            metadata = {"type": ask.type, "split": report.split, "report": report.name}
            if ask.answer:
                metadata["answer"] = ask.answer
            queries.append({"_id": query_id, "text": ask.text, "metadata": metadata})
            seen = set()
            for grade, names in ((2, ask.full), (1, ask.part)):
                for name in names:
                    owner, _, page = name.rpartition("/")
                    target = by_name[owner or report.name]
                    page_id = target.page_id(page)
                    if target.split != report.split or page_id in seen:
                        raise ValueError(f"{query_id}: {page_id} is judged twice, or belongs to the other split.")
                    seen.add(page_id)
                    qrels[report.split].append((query_id, page_id, grade))
    return queries, qrels


def build_report(report: Report, folder: Path, known: dict[str, Words] | None = None) -> dict[str, list[Record]]:
    """Draw one report into `pdf/` and `images/` of a folder and read its pages.

    Args:
        report: what to draw.
        folder: where to write.
        known: words by digest of a page's pixels; such pages are not read again.

    Returns:
        Lines of `corpus`, `ocr` and `text` for its pages.
    """
    for name in ("pdf", "images"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    pdf, clean = draw_report(report)
    (folder / "pdf" / f"{report.name}.pdf").write_bytes(pdf)
    found: dict[str, list[Record]] = {"corpus": [], "ocr": [], "text": []}
    for page, png, text in zip(report.pages, page_pngs(report, pdf), own_text(clean), strict=True):
        page_id = report.page_id(page.name)
        path = folder / "images" / f"{page_id}.png"
        path.write_bytes(png)
        image = open_image(path)
        digest = pixels_digest(image)
        words = (known or {}).get(digest)
        if words is None:
            words = words_record(read_words(image, use_cache=False))
        size = {"width": image.width, "height": image.height}
        found["ocr"].append({"_id": page_id, "sha256": digest, **size, "words": words})
        metadata = {"report": report.name, "organisation": report.organisation, "split": report.split,
                    "page": report.pages.index(page) + 1, "kinds": list(page.kinds),
                    "columns": page.columns}  # fmt: skip
        text_read = " ".join(word[0] for word in words)
        found["corpus"].append({"_id": page_id, "title": "", "text": text_read, "metadata": metadata})
        found["text"].append({"_id": page_id, "text": text})
    return found


def check_tools() -> None:
    """Raise a `ModuleNotFoundError` that names what drawing and reading pages needs and is not installed."""
    missing = [tool for tool in TOOLS if find_spec({"pillow": "PIL"}.get(tool, tool)) is None]
    if missing:
        raise ModuleNotFoundError(
            f"building the report pages needs {', '.join(missing)}. Get it: "
            "pip install -c constraints.txt 'lateint_ref[pages]'."
        )


def known_words(folder: Path) -> dict[str, Words]:
    """Words of the pages that lie in `folder`, by digest; none where another version of the OCR engine read them."""
    try:
        versions = json.loads((folder / "digests.json").read_text(encoding="utf-8"))["versions"]
        lines = (folder / "ocr.jsonl").read_bytes().splitlines()  # not str: U+2028 ends no line of JSON
        if any(versions[tool] != version(tool) for tool in ("onnxruntime", "rapidocr")):
            return {}
        return {record["sha256"]: record["words"] for record in map(json.loads, lines)}
    except (OSError, ValueError, KeyError):
        return {}


def build(folder: Path, read_all: bool = False) -> None:
    """Build the whole collection in `folder`, replacing what is there but its README.

    It is built in a temporary folder first, so that a build which fails leaves the old one whole.

    Args:
        folder: `data/pages`, as a rule.
        read_all: read every page anew; without it pages whose pixels did not change keep their OCR.
    """
    check_tools()
    from tqdm.auto import tqdm

    from source.reports import load_reports

    reports = load_reports()
    known = {} if read_all else known_words(folder)
    lines: dict[str, list[Record]] = {"corpus": [], "ocr": [], "text": []}
    with tempfile.TemporaryDirectory() as name:
        fresh = Path(name)
        for report in tqdm(reports, desc="reports", unit="report"):
            for kind, found in build_report(report, fresh, known).items():
                lines[kind] += found
        queries, qrels = judgments(reports)
        for kind, records in {**lines, "queries": queries}.items():
            _write_jsonl(fresh / f"{kind}.jsonl", records)
        (fresh / "qrels").mkdir()
        for split, rows in qrels.items():
            text = "".join(f"{a}\t{b}\t{c}\n" for a, b, c in [("query-id", "corpus-id", "score"), *rows])
            (fresh / "qrels" / f"{split}.tsv").write_text(text, encoding="utf-8")
        write_digests(fresh)
        folder.mkdir(parents=True, exist_ok=True)
        for path in fresh.iterdir():
            target = folder / path.name
            if target.is_dir():
                shutil.rmtree(target)
            shutil.move(path, target)


def _write_jsonl(path: Path, records: Iterable[Record]) -> None:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8")


def write_digests(folder: Path) -> None:
    """Write `digests.json`: the versions that drew and read the pages, and SHA-256 of every file."""
    files = {
        str(path.relative_to(folder).as_posix()): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("digests.json", "README.md")
    }
    record = {"versions": {tool: version(tool) for tool in TOOLS}, "files": files}
    (folder / "digests.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """`python -m source.build FOLDER [--read-all]`, run by `python -m workbook data --rebuild-pages`."""
    try:
        build(Path(sys.argv[1]), read_all="--read-all" in sys.argv[2:])
    except ModuleNotFoundError as error:
        if error.name is not None:
            raise
        sys.exit(str(error))  # what is not installed, and how to get it


if __name__ == "__main__":
    main()
