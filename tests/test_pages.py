"""Report pages: the collection, its judgments, and the generator."""

import hashlib
import json
import re
from collections import Counter
from importlib.metadata import version

import pytest

from helpers import refused
from lateint_ref import ocr as pages
from lateint_ref.ocr import ocr_records
from lateint_ref.page_io import pixels_digest
from source.blocks import Table
from source.build import judgments, known_words, own_text, page_pngs
from source.charts import Chart, tick_label, ticks
from source.measure import edit_distance, ocr_errors, tokens
from source.report import KINDS, Page, Report, draw_report
from source.reports import load_report, load_reports


@pytest.fixture(scope="module")
def folder():
    return pages.pages_folder()


@pytest.fixture(scope="module")
def splits():
    return {split: pages.load_pages_dataset(split) for split in ("dev", "test")}


@pytest.fixture(scope="module")
def reports():
    return load_reports()


@pytest.fixture(scope="module")
def own(folder):
    lines = (folder / "text.jsonl").read_text(encoding="utf-8").splitlines()
    return {record["_id"]: record["text"] for record in map(json.loads, lines)}


# The collection


def test_reports(splits, reports):
    corpus = splits["dev"].passages
    per_report = Counter(page.metadata["report"] for page in corpus)
    assert len(per_report) >= 8
    assert all(9 <= count <= 12 for count in per_report.values()), per_report
    for page in corpus:
        assert page.id == f"{page.metadata['report']}-p{page.metadata['page']:02d}"
    for report in reports:
        kinds = Counter(kind for page in report.pages for kind in page.kinds)
        assert set(kinds) == set(KINDS), report.name
        assert kinds["scan"] == kinds["title"] == 1, report.name
        assert sum(page.columns == 2 for page in report.pages) >= 1 or report.name == "orrin-bridge"
    assert len({(r.look.page_size, r.look.body, r.look.ink) for r in reports}) == len(reports), "styles differ"


def test_kind_of_page_fits_the_question(splits):
    for dataset in splits.values():
        for query in dataset.queries:
            if query.type in ("table", "chart", "figure"):
                for page_id, grade in dataset.qrels[query.id].items():
                    kinds = dataset.passage(page_id).metadata["kinds"]
                    assert grade < 2 or query.type in kinds, (query.id, page_id)


def holds(text, value):
    """Whether a value stands in a text on its own, not inside a longer number."""
    return re.search(rf"(?<![\d.,]){re.escape(value)}(?!\d|[.,]\d)", text) is not None


def test_values_asked_for_stand_on_the_page(splits, own):
    asked = 0
    for dataset in splits.values():
        for query in dataset.queries:
            if "answer" in query.metadata:
                asked += 1
                assert query.metadata["answer"] not in query.text
                for page_id, grade in dataset.qrels[query.id].items():
                    assert grade < 2 or holds(own[page_id], query.metadata["answer"]), (query.id, page_id)
    assert asked >= 35


def test_eight_look_alike_tables(splits, own):
    """Four divisions, two years, one form; each is asked about, and the value asked for stands on one page only."""
    titles = [
        f"Quarterly Profit Margins: {d}, {y}"
        for d in ("Packaging", "Coatings", "Filtration", "Haulage")
        for y in (2023, 2024)
    ]
    found = {title: [page for page, text in own.items() if title in text] for title in titles}
    assert all(len(where) == 1 for where in found.values()), found
    alike = {where[0] for where in found.values()}
    asked = set()
    for query in splits["test"].queries:
        full = [page for page, grade in splits["test"].qrels[query.id].items() if grade == 2]
        if query.metadata.get("answer") and len(full) == 1 and full[0] in alike:
            asked.add(full[0])
    assert asked == alike


def test_files_match_their_digests(folder, splits):
    record = json.loads((folder / "digests.json").read_text(encoding="utf-8"))
    on_disk = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("digests.json", "README.md") and "source" not in path.parts
    }
    assert on_disk == record["files"]
    ids = splits["dev"].ids
    assert {name for name in on_disk if name.startswith("images/")} == {f"images/{i}.png" for i in ids}
    assert list(ocr_records()) == ids
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 15_000_000


def test_ocr_belongs_to_the_images(splits):
    for page in splits["dev"].passages[::9]:
        image, record = pages.page_image(page.id), ocr_records()[page.id]
        assert pixels_digest(image) == record["sha256"]
        assert image.size == (record["width"], record["height"])
        words = pages.page_words(page.id)
        assert " ".join(word.text for word in words) == page.text
        for word in words:
            x0, y0, x1, y1 = word.box
            assert 0 <= x0 < x1 <= image.width, (page.id, word)
            assert 0 <= y0 < y1 <= image.height, (page.id, word)
            assert 0 <= word.confidence <= 1
        assert pages.read_words(image) == words, "a bundled page is not read anew"


def test_ocr_reads_most_words(folder):
    table = ocr_errors(folder)
    assert table.loc["all", "words missed"] < 0.05
    assert table.loc["scan", "words missed"] < 0.15


def test_unknown_page():
    refused(KeyError, "no bundled page has the id 'nowhere-p01'", pages.page_words, "nowhere-p01")
    refused(KeyError, "nowhere-p01", pages.page_image, "nowhere-p01")


# The generator


@pytest.mark.slow
def test_two_builds_of_a_report_are_the_same_bytes(folder):
    first, second = load_report("tamwater_2023"), load_report("tamwater_2023")
    pdf, clean = draw_report(first)
    assert (pdf, clean) == draw_report(second)
    images = page_pngs(first, pdf)
    assert images == page_pngs(second, pdf)
    record = json.loads((folder / "digests.json").read_text(encoding="utf-8"))
    if all(version(tool) == record["versions"][tool] for tool in ("matplotlib", "pillow", "pypdfium2", "reportlab")):
        assert pdf == (folder / "pdf" / "tamwater-2023.pdf").read_bytes()
        for page, png in zip(first.pages, images, strict=True):
            assert png == (folder / "images" / f"{first.page_id(page.name)}.png").read_bytes()
    assert own_text(clean)[2].startswith("Stanmoor")


def test_known_words_may_hold_any_character(tmp_path):
    """U+2028 ends a line for `str.splitlines`, and none of JSON."""
    words = [["a\u2028b", 0, 0, 1, 1, 1.0]]
    line = json.dumps({"sha256": "x", "words": words}, ensure_ascii=False)
    (tmp_path / "ocr.jsonl").write_text(line + "\n", encoding="utf-8")
    versions = {tool: version(tool) for tool in ("onnxruntime", "rapidocr")}
    (tmp_path / "digests.json").write_text(json.dumps({"versions": versions}), encoding="utf-8")
    assert known_words(tmp_path) == {"x": words}


def test_committed_judgments_are_those_of_the_generator(splits, reports):
    queries, qrels = judgments(reports)
    committed = {query.id: (query.text, query.metadata) for dataset in splits.values() for query in dataset.queries}
    assert committed == {query["_id"]: (query["text"], query["metadata"]) for query in queries}
    for split, dataset in splits.items():
        rows = [(query, page, grade) for query, grades in dataset.qrels.items() for page, grade in grades.items()]
        assert sorted(rows) == sorted(qrels[split])


def test_totals_add_up(reports):
    """A table that names the columns it sums is checked when it is made; every table with a total names some."""
    tables = [
        block
        for report in reports
        for page in report.pages
        for block in (*page.top, *page.blocks, *page.bottom)
        if isinstance(block, Table)
    ]
    assert len(tables) >= 30
    summed = [table for table in tables if table.sums]
    assert len(summed) >= 20
    for table in summed:
        for column in table.sums:
            table.check_total(column)
    with pytest.raises(ValueError, match=r"table 'T', n: 3 is not 4"):
        Table("T", ["", "n"], [["a", "1"], ["b", "2"], ["all", "4"]], total=True, sums=(1,))
    refused(ValueError, "every row must have 2 cells", Table, "T", ["", "n"], [["a"]])


def test_text_quotes_its_table(own):
    """Spot checks of numbers that stand both in a table's cell and in the prose below it."""
    for page in ("brennick-2023-p04", "brennick-2023-p05", "brennick-2024-p06", "aldery-2023-p03"):
        numbers = Counter(re.findall(r"\d+\.\d+", own[page]))
        assert sum(count > 1 for count in numbers.values()) >= 2, page


def test_a_page_that_overflows_is_an_error(reports):
    blocks = next(page for page in reports[0].pages if page.columns == 2).blocks
    for columns in (1, 2):
        page = Page("full", ("text",), [*blocks] * 9, columns=columns)
        refused(OverflowError, "page full", draw_report, Report("r", "o", "h", reports[0].look, "dev", [page]))


def test_chart_ticks():
    assert ticks(0, 9.3) == [0, 2, 4, 6, 8, 10]
    assert [tick_label(mark, [0, 2.5]) for mark in (0, 2.5)] == ["0.0", "2.5"]
    assert tick_label(-1500, [-1500]) == "−1,500"
    refused(ValueError, "must have 2 values", Chart, "line", "c", ["a", "b"], {"s": [1]}, "u")


def test_word_errors():
    assert edit_distance(["a", "b", "c"], ["a", "c", "d"]) == 2
    assert edit_distance([], ["a", "b"]) == edit_distance(["a", "b"], []) == 2
    assert tokens("“It’s £1.50,” he said.") == ["it's", "£1.50", "he", "said"]
