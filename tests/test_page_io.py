"""Reading pages of any origin: pictures, PDFs and the words on them."""

import io
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from helpers import in_threads, refused
from lateint_ref import ocr
from lateint_ref.ocr import load_pages_dataset, page_words, pages_folder, read_words, reading_order
from lateint_ref.page_io import MAX_SIDE, drawn_pages, open_image, open_images, pdf_words, render_pdf


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


# Pictures


def png_bytes(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_open_image_takes_every_mode(tmp_path):
    red, white = Image.new("RGB", (40, 30), (255, 0, 0)), (255, 255, 255)
    half = Image.new("RGBA", (40, 30), (255, 0, 0, 128)).convert("RGBa")
    (tmp_path / "page.png").write_bytes(png_bytes(red))
    for source, colour in (
        (red, (255, 0, 0)),
        (red.convert("P"), (255, 0, 0)),
        (png_bytes(red.convert("P")), (255, 0, 0)),
        (png_bytes(red.convert("CMYK"), "TIFF"), (255, 0, 0)),
        (half, (255, 127, 127)),
        (png_bytes(Image.new("RGBA", (40, 30), (0, 0, 0, 0))), white),  # transparent is white paper
        (png_bytes(Image.new("P", (40, 30), 0), transparency=0), white),
        (png_bytes(Image.fromarray(np.full((30, 40), 65535, dtype=np.uint16))), white),
        (Image.new("1", (40, 30), 1), white),
        (tmp_path / "page.png", (255, 0, 0)),
        (str(tmp_path / "page.png"), (255, 0, 0)),
    ):
        opened = open_image(source)
        assert (opened.mode, opened.size) == ("RGB", (40, 30))
        assert np.allclose(opened.getpixel((5, 5)), colour, atol=4)


def test_open_image_turns_photographs_once():
    turned = Image.new("RGB", (40, 30))
    turned.getexif()[0x0112] = 6  # by a quarter
    source = png_bytes(turned, exif=turned.getexif())
    for image in (source, turned, Image.open(io.BytesIO(source))):
        upright = open_image(image)
        assert upright.size == open_image(upright).size == (30, 40)


def test_open_image_scales_huge_pages_down():
    assert open_image(png_bytes(Image.new("L", (20_000, 400), 255))).size == (MAX_SIDE, 80)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (b"", "not an image"),
        (b"%PDF-1.4 nonsense", "not an image"),
        (png_bytes(Image.effect_noise((200, 200), 50))[:9000], "truncated or damaged"),
        (Image.open(io.BytesIO(png_bytes(Image.effect_noise((200, 200), 50))[:9000])), "truncated or damaged"),
        (png_bytes(Image.effect_noise((200, 200), 50).convert("RGB"), "JPEG")[:4000], "truncated or damaged"),
        (png_bytes(Image.new("RGB", (1, 1))), "1 x 1 pixels"),
        (png_bytes(Image.new("1", (20_000, 20_000))), "more pixels than Pillow opens"),
        (png_bytes(Image.new("L", (20_000, 20))), "too long and narrow"),
        (Image.new("F", (40, 30)), "floating-point"),
    ],
)
def test_open_image_says_what_is_wrong(source, words):
    refused(ValueError, words, open_image, source)


def test_open_image_rejects_other_things(tmp_path):
    refused(FileNotFoundError, r"nowhere\.png does not exist", open_image, tmp_path / "nowhere.png")
    refused(ValueError, "is a folder", open_image, tmp_path)
    refused(TypeError, "source must be a path, bytes or a PIL image, got int 3", open_image, 3)


def test_one_bad_file_does_not_lose_the_rest(tmp_path):
    good = png_bytes(Image.new("RGB", (40, 30)))
    opened = open_images([good, good[:40], tmp_path / "nowhere.png", good])
    assert opened.positions == [0, 3]
    assert [image.size for image in opened.images] == [(40, 30)] * 2
    assert list(opened.failed) == [1, 2]
    assert "truncated" in opened.failed[1] or "not an image" in opened.failed[1]


def test_render_pdf():
    drawn = render_pdf(pages_folder() / "pdf" / "larkfield-2024.pdf", dpi=30)
    assert len(drawn) == 11
    assert {image.mode for image in drawn} == {"RGB"}
    assert drawn[0].size == (249, 351)


def test_read_words(tmp_path, monkeypatch):
    monkeypatch.setenv("LATEINT_CACHE", str(tmp_path))
    image = Image.new("RGB", (420, 120), "white")
    ImageDraw.Draw(image).text((20, 30), "Harbour tariff 1937", fill="black", font_size=36)
    words = read_words(image)
    assert [word.text for word in words] == ["Harbour", "tariff", "1937"]
    assert words[0].box[0] < words[1].box[0] < words[2].box[0]
    (kept,) = (tmp_path / "ocr").iterdir()
    monkeypatch.setattr("lateint_ref.ocr._read_words", lambda image: pytest.fail("read again"))
    assert read_words(image) == words, "from the cache"
    kept.write_text(kept.read_text()[:20])
    monkeypatch.setattr("lateint_ref.ocr._read_words", lambda image: words[:1])
    assert read_words(image) == words[:1], "a cache file that was cut short is made again"


def test_a_page_without_words():
    assert read_words(Image.new("RGB", (300, 200), "white"), use_cache=False) == []


def test_pillows_limit_stays_as_it_is():
    """It is of the whole process: threads that put it aside and back would lose it."""
    before, picture = Image.MAX_IMAGE_PIXELS, png_bytes(Image.new("L", (300, 300)))
    seen = in_threads(lambda _: {(open_image(picture).size, Image.MAX_IMAGE_PIXELS) for _ in range(20)})
    assert seen == [{((300, 300), before)}] * 4


def test_one_source_is_no_list():
    for source in ("page.png", b"...", Path("page.png")):
        refused(TypeError, "sources must be a list", open_images, source)


# PDFs


def pdf(path, draw, size=(300, 200), **options):
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(path), pagesize=size, **options)
    draw(canvas)
    canvas.save()
    return path


def say(*words):
    def draw(canvas):
        for number, word in enumerate(words):
            canvas.drawString(20, 180 - 15 * number, word)

    return draw


def test_text_layer_column_by_column_and_a_page_without_one(tmp_path):
    def draw(canvas):
        for x, lines in ((20, ("left column", "goes on")), (160, ("right column", "ends"))):
            for row, line in enumerate(lines):
                canvas.drawString(x, 150 - 20 * row, line)
        canvas.showPage()
        canvas.rect(100, 100, 50, 50)
        canvas.showPage()

    layer = pdf_words(pdf(tmp_path / "columns.pdf", draw))
    assert layer == [["left", "column", "goes", "on", "right", "column", "ends"], []]


@pytest.mark.parametrize("angle", [0, 90, 180, 270])
def test_words_of_turned_pages(tmp_path, angle):
    def draw(canvas):
        canvas.setPageRotation(angle)
        for x, y, word in ((10, 10, "near"), (260, 10, "right"), (10, 780, "top"), (250, 780, "corner")):
            canvas.drawString(x, y, word)

    # reportlab takes the size as it is seen; the words stand in the unturned page of 300 x 800.
    seen = (300, 800) if angle % 180 == 0 else (800, 300)
    path = pdf(tmp_path / "turned.pdf", draw, size=seen)
    assert sorted(pdf_words(path)[0]) == ["corner", "near", "right", "top"]
    assert render_pdf(path, dpi=72)[0].size == seen


def test_words_parted_at_the_end_of_a_line(tmp_path):
    def draw(canvas):
        text = canvas.beginText(20, 150)
        for line in ("late infor-", "mation is an inter-", "action"):
            text.textLine(line)
        canvas.drawText(text)

    assert pdf_words(pdf(tmp_path / "hyphen.pdf", draw)) == [["late", "information", "is", "an", "interaction"]]


def test_what_is_filled_into_a_form_is_drawn(tmp_path):
    def draw(canvas):
        canvas.drawString(20, 150, "a form")
        canvas.acroForm.textfield(name="a", value="FILLED", x=20, y=100, width=200, height=40, borderWidth=0)

    path = pdf(tmp_path / "form.pdf", draw)
    (page,) = render_pdf(path, dpi=72)
    inside = np.asarray(page.crop((22, 62, 218, 98)).convert("L"))
    assert (inside < 100).sum() > 50, "the value is black on the page"


def test_pages_one_at_a_time_and_in_parts(tmp_path):
    def draw(canvas):
        for number in range(5):
            say(f"page{number + 1}")(canvas)
            canvas.showPage()

    path = pdf(tmp_path / "long.pdf", draw)
    every = render_pdf(path, dpi=40)
    assert len(every) == 5
    part = render_pdf(path, dpi=40, pages=range(2, 4))
    assert [image.tobytes() for image in part] == [image.tobytes() for image in every[1:3]]
    lazily = drawn_pages(path, dpi=40)
    assert next(lazily).tobytes() == every[0].tobytes()
    lazily.close()
    refused(IndexError, "has 5 pages, so no page 6", render_pdf, path, pages=[6])
    refused(ValueError, "each of pages", render_pdf, path, pages=[0])


@pytest.mark.parametrize("read", [pdf_words, render_pdf])
def test_the_reason_is_the_right_one(tmp_path, read):
    from reportlab.lib.pdfencrypt import StandardEncryption

    locked = pdf(tmp_path / "locked.pdf", say("secret"), encrypt=StandardEncryption("word", strength=128))
    refused(ValueError, r"locked\.pdf is encrypted. Pass its password", read, locked)
    refused(ValueError, "Its password is another one", read, locked, password="guess")
    assert len(read(locked, password="word")) == 1
    path = tmp_path / "other.pdf"
    refused(FileNotFoundError, "does not exist", read, path)
    refused((ValueError, FileNotFoundError), "is not a file", read, tmp_path)
    for content, words in (
        (b"%PDF-1.7\n/Encrypt nothing of this is a document", "is damaged"),
        (b"", "is empty"),
        (b"just text", "is not a PDF"),
    ):
        path.write_bytes(content)
        refused(ValueError, words, read, path)
    refused(ValueError, "has no pages", read, pdf(path, lambda canvas: None))


def test_resolutions_that_are_refused(tmp_path):
    path = pdf(tmp_path / "large.pdf", lambda canvas: canvas.showPage(), size=(14_000, 14_000))
    refused(ValueError, "Choose a lower dpi", render_pdf, path)
    for dpi in (0, 10_000, 72.5, True):
        refused((TypeError, ValueError), "dpi must be a whole number", render_pdf, path, dpi=dpi)


def test_pdfs_from_several_threads(tmp_path):
    """PDFium bears one caller at a time: without a lock the process would end now and then."""
    path = pdf(tmp_path / "page.pdf", say("some", "words"))

    def read(_):
        return [(pdf_words(path), render_pdf(path, dpi=30)[0].tobytes()) for _ in range(5)]

    found = in_threads(read)
    assert found[0][0][0] == [["some", "words"]]
    assert found == [[found[0][0]] * 5] * 4


def test_bundled_report_and_its_scanned_page():
    dataset = load_pages_dataset("dev")
    report = dataset.passages[0].metadata["report"]
    pages = [page for page in dataset.passages if page.metadata["report"] == report]
    layer = pdf_words(pages_folder() / "pdf" / f"{report}.pdf")
    assert len(layer) == len(pages)
    for page, words in zip(pages, layer, strict=True):
        if "scan" in page.metadata["kinds"]:
            assert words == [], "a scan has no text layer"
            assert page_words(page.id), "OCR reads it"
        else:
            shared = set(words) & {word.text for word in page_words(page.id)}
            assert len(shared) > 0.5 * len(set(words))


# Words by OCR


def test_equal_pages_read_by_several_threads(tmp_path, monkeypatch):
    """They write one cache file: each under a name of its own before it takes its place."""
    monkeypatch.setenv("LATEINT_CACHE", str(tmp_path))
    ready = threading.Barrier(4)

    def slowly(image):
        ready.wait(timeout=60)
        return [ocr.Word("word", (0, 0, 9, 9), 1.0)]

    monkeypatch.setattr(ocr, "_read_words", slowly)
    found = in_threads(lambda _: read_words(Image.new("RGB", (64, 64), "white")))
    assert [len(words) for words in found] == [1] * 4
    assert len(list((tmp_path / "ocr").iterdir())) == 1


def test_without_the_engine(monkeypatch):
    from importlib.metadata import PackageNotFoundError

    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(ocr, "version", missing)
    with pytest.raises(ModuleNotFoundError, match=r"needs rapidocr: pip install 'lateint_ref\[pages\]'"):
        read_words(Image.new("RGB", (63, 64), "white"))
