"""Report pages: the collection and its judgments, the generator, and reading images, PDFs and words."""

import hashlib
import io
import json
import re
from collections import Counter
from importlib.metadata import version

import numpy as np
import pytest
from PIL import Image, ImageDraw

from helpers import given_away
from lateint_ref import pages
from lateint_ref.ocr import ocr_records
from lateint_ref.page_images import MAX_SIDE, open_image, open_images, pixels_digest, render_pdf
from lateint_ref.reading_order import reading_order
from source.blocks import Table
from source.build import judgments, known_words, own_text, page_pngs
from source.charts import Chart, tick_label, ticks
from source.measure import edit_distance, ocr_errors, tokens
from source.report import KINDS, Page, Report, draw_report
from source.reports import load_report, load_reports

TYPES = {"text", "table", "chart", "figure", "layout"}


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


def test_counts(splits, reports):
    corpus = splits["dev"].passages
    per_report = Counter(page.metadata["report"] for page in corpus)
    assert len(per_report) >= 8
    assert len(corpus) >= 80
    assert all(9 <= count <= 12 for count in per_report.values()), per_report
    assert len(splits["dev"].queries) >= 40
    assert len(splits["test"].queries) >= 70
    for report in reports:
        kinds = Counter(kind for page in report.pages for kind in page.kinds)
        assert set(kinds) == set(KINDS), report.name
        assert kinds["scan"] == kinds["title"] == 1, report.name
        assert sum(page.columns == 2 for page in report.pages) >= 1 or report.name == "orrin-bridge"
    assert len({(r.look.page_size, r.look.body, r.look.ink) for r in reports}) == len(reports), "styles differ"


def test_ids(splits):
    for page in splits["dev"].passages:
        assert page.id == f"{page.metadata['report']}-p{page.metadata['page']:02d}"
    queries = splits["dev"].queries + splits["test"].queries
    assert len({query.text for query in queries}) == len(queries)
    for query in queries:
        assert re.fullmatch(rf"{query.metadata['report']}-q\d\d", query.id)


def test_types(splits):
    for dataset in splits.values():
        counts = Counter(query.type for query in dataset.queries)
        assert set(counts) == TYPES
        assert min(counts.values()) >= 4, counts


def test_judgments(splits):
    """Every query has an answer, in reports of its own split; the splits share no report."""
    owners = {}
    for split, dataset in splits.items():
        owners[split] = set()
        for query in dataset.queries:
            grades = dataset.qrels[query.id]
            assert set(grades.values()) <= {1, 2}, query.id
            assert 2 in grades.values(), query.id
            for page_id in grades:
                assert dataset.passage(page_id).metadata["split"] == split == query.metadata["split"]
                owners[split].add(dataset.passage(page_id).metadata["report"])
    assert not owners["dev"] & owners["test"]


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


def test_answers_are_not_given_away_by_rare_words(splits):
    queries = splits["dev"].queries + splits["test"].queries
    qrels = splits["dev"].qrels | splits["test"].qrels
    for rare in (1, 2, 4):
        found = given_away(splits["dev"].passages, queries, qrels, rare)
        print(f"{len(found)} of {len(queries)} given away by words in at most {rare} pages")
        assert len(found) <= 0.6 * len(queries), found


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
    assert sum((folder / name).stat().st_size for name in on_disk) < 15_000_000


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
    with pytest.raises(KeyError, match="no bundled page has the id 'nowhere-p01'"):
        pages.page_words("nowhere-p01")
    with pytest.raises(KeyError, match="nowhere-p01"):
        pages.page_image("nowhere-p01")


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
    with pytest.raises(ValueError, match="every row must have 2 cells"):
        Table("T", ["", "n"], [["a"]])


def test_text_quotes_its_table(own):
    """Spot checks of numbers that stand both in a table's cell and in the prose below it."""
    for page in ("brennick-2023-p04", "brennick-2023-p05", "brennick-2024-p06", "aldery-2023-p03"):
        numbers = Counter(re.findall(r"\d+\.\d+", own[page]))
        assert sum(count > 1 for count in numbers.values()) >= 2, page


def test_a_page_that_overflows_is_an_error(reports):
    blocks = next(page for page in reports[0].pages if page.columns == 2).blocks
    for columns in (1, 2):
        page = Page("full", ("text",), [*blocks] * 9, columns=columns)
        with pytest.raises(OverflowError, match="page full"):
            draw_report(Report("r", "o", "h", reports[0].look, "dev", [page]))


def test_chart_ticks():
    assert ticks(0, 9.3) == [0, 2, 4, 6, 8, 10]
    assert [tick_label(mark, [0, 2.5]) for mark in (0, 2.5)] == ["0.0", "2.5"]
    assert tick_label(-1500, [-1500]) == "−1,500"
    with pytest.raises(ValueError, match="must have 2 values"):
        Chart("line", "c", ["a", "b"], {"s": [1]}, "u")


def test_word_errors():
    assert edit_distance(["a", "b", "c"], ["a", "c", "d"]) == 2
    assert edit_distance([], ["a", "b"]) == edit_distance(["a", "b"], []) == 2
    assert tokens("“It’s £1.50,” he said.") == ["it's", "£1.50", "he", "said"]


def test_reading_order():
    title = (50, 10, 550, 30)
    left, right = ([(x, y, x + 230, y + 10) for y in range(60, 160, 20)] for x in (50, 320))
    assert reading_order([*right, *left, title], 600) == [10, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4]
    ticks_of_a_chart = [(320, y, 340, y + 10) for y in range(80, 160, 20)]
    page = [title, *left, right[0], *ticks_of_a_chart]
    assert reading_order(page[::-1], 600) == list(range(len(page)))[::-1], "one line of prose beside a column is enough"
    cells = [(x, y, x + 40, y + 10) for x in (50, 250, 450) for y in (0, 20, 40)]
    assert [cells[i] for i in reading_order(cells, 600)] == sorted(cells, key=lambda b: (b[1], b[0]))
    assert reading_order([], 600) == []


# Reading images, PDFs and words


def png_bytes(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, options.pop("format", "PNG"), **options)
    return buffer.getvalue()


def test_open_image_takes_every_mode(tmp_path):
    red = Image.new("RGB", (40, 30), (255, 0, 0))
    assert open_image(red).getpixel((0, 0)) == (255, 0, 0)
    assert open_image(red.convert("P")).getpixel((0, 0)) == (255, 0, 0)
    assert open_image(png_bytes(red.convert("P"))).mode == "RGB"
    cmyk = open_image(png_bytes(red.convert("CMYK"), format="TIFF")).getpixel((0, 0))
    assert np.allclose(cmyk, (255, 0, 0), atol=4)
    clear = Image.new("RGBA", (40, 30), (0, 0, 0, 0))
    assert open_image(png_bytes(clear)).getpixel((5, 5)) == (255, 255, 255), "transparent is white paper"
    palette = Image.new("P", (40, 30), 0)
    assert open_image(png_bytes(palette, transparency=0)).getpixel((5, 5)) == (255, 255, 255)
    deep = Image.fromarray(np.full((30, 40), 65535, dtype=np.uint16))
    assert open_image(png_bytes(deep)).getpixel((0, 0)) == (255, 255, 255)
    assert open_image(Image.new("1", (40, 30), 1)).getpixel((0, 0)) == (255, 255, 255)
    path = tmp_path / "page.png"
    path.write_bytes(png_bytes(red))
    assert open_image(path).size == open_image(str(path)).size == (40, 30)


def test_open_image_turns_photographs():
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    assert open_image(png_bytes(Image.new("RGB", (40, 30)), exif=exif)).size == (30, 40)


def test_open_image_scales_huge_pages_down():
    wide = open_image(png_bytes(Image.new("L", (20_000, 400), 255)))
    assert wide.size == (MAX_SIDE, 80)
    assert wide.mode == "RGB"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (b"", "not an image"),
        (b"%PDF-1.4 nonsense", "not an image"),
        (png_bytes(Image.effect_noise((200, 200), 50))[:9000], "truncated or damaged"),
        (png_bytes(Image.effect_noise((200, 200), 50).convert("RGB"), format="JPEG")[:4000], "truncated or damaged"),
        (png_bytes(Image.new("RGB", (1, 1))), "1 x 1 pixels"),
        (png_bytes(Image.new("1", (20_000, 20_000))), "20000 x 20000 pixels, more than"),
        (png_bytes(Image.new("L", (20_000, 20))), "too long and narrow"),
        (Image.new("F", (40, 30)), "floating-point"),
    ],
)
def test_open_image_says_what_is_wrong(source, words):
    with pytest.raises(ValueError, match=words):
        open_image(source)


def test_open_image_rejects_other_things(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.png does not exist"):
        open_image(tmp_path / "nowhere.png")
    with pytest.raises(ValueError, match="is a folder"):
        open_image(tmp_path)
    with pytest.raises(TypeError, match="source must be a path, bytes or a PIL image, got int 3"):
        open_image(3)


def test_one_bad_file_does_not_lose_the_rest(tmp_path):
    good = png_bytes(Image.new("RGB", (40, 30)))
    opened = open_images([good, good[:40], tmp_path / "nowhere.png", good])
    assert opened.positions == [0, 3]
    assert [image.size for image in opened.images] == [(40, 30)] * 2
    assert list(opened.failed) == [1, 2]
    assert "truncated" in opened.failed[1] or "not an image" in opened.failed[1]


def test_render_pdf(folder):
    drawn = render_pdf(folder / "pdf" / "larkfield-2024.pdf", dpi=30)
    assert len(drawn) == 11
    assert {image.mode for image in drawn} == {"RGB"}
    assert drawn[0].size == (249, 351)


def test_render_pdf_says_what_is_wrong(tmp_path):
    from reportlab.lib.pdfencrypt import StandardEncryption
    from reportlab.pdfgen.canvas import Canvas

    path = tmp_path / "file.pdf"
    with pytest.raises(FileNotFoundError, match="does not exist"):
        render_pdf(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="is empty"):
        render_pdf(path)
    path.write_bytes(b"just text")
    with pytest.raises(ValueError, match="is not a PDF"):
        render_pdf(path)
    canvas = Canvas(str(path), encrypt=StandardEncryption("secret", strength=128))
    canvas.drawString(50, 50, "hello")
    canvas.save()
    with pytest.raises(ValueError, match="is encrypted"):
        render_pdf(path)
    assert len(render_pdf(path, dpi=20, password="secret")) == 1
    with pytest.raises(ValueError, match="is encrypted. Its password is another one"):
        render_pdf(path, password="guess")
    Canvas(str(path)).save()  # no page was begun
    with pytest.raises(ValueError, match="has no pages"):
        render_pdf(path)
    canvas = Canvas(str(path), pagesize=(14_000, 14_000))
    canvas.showPage()
    canvas.save()
    with pytest.raises(ValueError, match="Choose a lower dpi"):
        render_pdf(path)
    for dpi in (0, 10_000, 72.5, True):
        with pytest.raises(ValueError, match="dpi must be a whole number from 20 to 600"):
            render_pdf(path, dpi=dpi)


def test_read_words(tmp_path, monkeypatch):
    monkeypatch.setenv("LATEINT_CACHE", str(tmp_path))
    image = Image.new("RGB", (420, 120), "white")
    ImageDraw.Draw(image).text((20, 30), "Harbour tariff 1937", fill="black", font_size=36)
    words = pages.read_words(image)
    assert [word.text for word in words] == ["Harbour", "tariff", "1937"]
    assert words[0].box[0] < words[1].box[0] < words[2].box[0]
    (kept,) = (tmp_path / "ocr").iterdir()
    monkeypatch.setattr("lateint_ref.ocr._read_words", lambda image: pytest.fail("read again"))
    assert pages.read_words(image) == words, "from the cache"
    kept.write_text(kept.read_text()[:20])
    monkeypatch.setattr("lateint_ref.ocr._read_words", lambda image: words[:1])
    assert pages.read_words(image) == words[:1], "a cache file that was cut short is made again"


def test_a_page_without_words():
    assert pages.read_words(Image.new("RGB", (300, 200), "white"), use_cache=False) == []
