"""The bundled page encoder: windows of words, tokens on a grid, and the vectors of whole pages."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from helpers import refused
from lateint_ref import encoders
from lateint_ref.encoders.late import LateConfig, LateEncoder
from lateint_ref.encoders.pages import GRID, BundledPages, coverage, token_boxes, tokens_of_patches, windows
from lateint_ref.ocr import Word, load_pages_dataset, page_image, page_words
from lateint_ref.scores import maxsim_scores

PATCHES = GRID[0] * GRID[1]
WIDTH, HEIGHT = 640, 320  # patches of 20 x 10 pixels


@pytest.fixture(scope="module")
def encoder():
    return encoders.load_pages()


@pytest.fixture
def page(monkeypatch):
    """Make a page image on which these words are read: `(text, x0, y0, x1, y1)`."""
    known = {}

    def make(*words):
        image = Image.new("RGB", (WIDTH, HEIGHT), (len(known), 0, 0))
        known[image.tobytes()] = [Word(text, tuple(box), 1.0) for text, *box in words]
        return image

    monkeypatch.setattr("lateint_ref.ocr.read_words", lambda image: known[image.tobytes()])
    return make


def grid_of(encoder, image):
    """Patch vectors `(rows, columns, dim)` and the extra vectors of one page."""
    pages = encoder.encode_pages([image])
    return pages.patch_vectors("0"), pages.vectors[0][PATCHES:]


def blank(encoder, patches):
    return (patches == encoder.background).all(axis=-1)


def lines(*rows, height=12):
    """Words in rows, each of ten pixels a letter, with five between."""
    found = []
    for number, row in enumerate(rows):
        x = 0
        for text in row.split():
            found.append((text, x, number * 2 * height, x + 10 * len(text), number * 2 * height + height))
            x += 10 * len(text) + 5
    return found


# Windows of words


def test_windows_end_at_wide_gaps_where_lines_or_columns_end():
    rows = [(0, "a"), (20, "b"), (40, "c"), (90, "d"), (110, "e"), (130, "f")]
    words = [Word(text, (0, y, 10, y + 10), 1.0) for y, text in rows]
    assert windows(words, [1] * 6, 5) == [range(3), range(3, 6)], "the widest gap of the second half"
    assert windows(words, [1] * 6, 6) == [range(6)]
    line = [Word("a", (20 * number, 0, 20 * number + 15, 10), 1.0) for number in range(5)]
    assert windows(line, [2, 1, 1, 1, 2], 3) == [range(2), range(2, 4), range(4, 5)], "one line: where it is full"
    left, right = ([Word("w", (x, y, x + 10, y + 10), 1.0) for y in range(0, 100, 20)] for x in (0, 300))
    assert windows(left + right, [1] * 10, 7) == [range(5), range(5, 10)], "the next column"


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 60), st.integers(0, 60)), max_size=30), st.integers(1, 12))
def test_windows_take_every_word_once_and_fit(spec, room):
    words = [Word("w", (x, y, x + 10, y + 8), 1.0) for _, x, y in spec]
    lengths = [length for length, _, _ in spec]
    found = windows(words, lengths, room)
    assert [place for window in found for place in window] == list(range(len(words)))
    assert all(sum(lengths[place] for place in window) <= room or len(window) == 1 for window in found)
    assert all(len(window) for window in found)


# Tokens on patches


def test_tokens_share_a_words_width_by_their_letters():
    boxes = token_boxes(Word("turbidity", (100, 5, 190, 15), 1.0), ["tu", "##rb", "##idity"])
    assert boxes.tolist() == [[100, 5, 120, 15], [120, 5, 140, 15], [140, 5, 190, 15]]
    assert token_boxes(Word("x", (7, 7, 7, 7), 1.0), ["x"]).tolist() == [[7, 7, 8, 8]]


boxes_on_page = st.tuples(
    st.floats(0, WIDTH - 1), st.floats(0, HEIGHT - 1), st.floats(0.5, 200), st.floats(0.5, 60)
).map(lambda b: (b[0], b[1], min(b[0] + b[2], WIDTH), min(b[1] + b[3], HEIGHT)))


@settings(deadline=None)
@given(st.lists(boxes_on_page, min_size=1, max_size=8), st.sampled_from([(32, 32), (4, 7), (1, 1)]))
def test_a_box_covers_its_area(boxes, grid):
    boxes = np.array(boxes)
    covered = coverage(boxes, grid, WIDTH, HEIGHT)
    assert covered.min() >= 0
    assert covered.max() <= 1 + 1e-9
    patch = WIDTH / grid[1] * HEIGHT / grid[0]
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    np.testing.assert_allclose(covered.sum(axis=1) * patch, area, rtol=1e-6, atol=1e-6)


@settings(deadline=None)
@given(st.lists(boxes_on_page, min_size=1, max_size=12))
def test_patches_go_to_tokens_on_them_and_to_as_many_as_can_be(boxes):
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    covered = coverage(np.array(boxes), (4, 4), WIDTH, HEIGHT)
    tokens = tokens_of_patches(covered)
    for patch, token in enumerate(tokens):
        assert covered[token, patch] > 0 if token >= 0 else (covered[:, patch] == 0).all()
    most = (maximum_bipartite_matching(csr_array(covered > 0), perm_type="column") >= 0).sum()
    assert len(set(tokens[tokens >= 0].tolist())) >= most


def test_a_token_second_on_its_only_patch_gives_way_but_not_where_it_can_move():
    covered = np.array([[0.9, 0.9, 0.0], [0.5, 0.0, 0.0]])
    assert tokens_of_patches(covered).tolist() == [1, 0, -1]


# Pages


def test_shape_and_grid(encoder, page):
    pages = encoder.encode_pages([page(*lines("tide tables")), page()], ["a", "b"])
    assert pages.ids == ["a", "b"]
    assert pages.grids == (GRID, GRID)
    assert pages.vectors.lengths.tolist() == [PATCHES + 6] * 2
    assert pages.vectors.vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(pages.vectors.vectors, axis=1), 1, atol=1e-5)
    assert all(patches.tolist() == list(range(PATCHES)) for patches in pages.patches)
    assert encoder.dim == pages.vectors.dim == encoder.background.shape[0]
    assert "stand-in" in encoder.name


def test_patches_hold_the_late_encoders_vectors_where_the_words_stand(encoder, page):
    patches, extra = grid_of(encoder, page(("water", 40, 10, 80, 20), ("price", 600, 310, 640, 320)))
    cls, marker, water, price, sep = encoder.late.encode_documents(["water price"])[0]
    for column in (2, 3):
        np.testing.assert_array_equal(patches[1, column], water)
    for column in (30, 31):
        np.testing.assert_array_equal(patches[31, column], price)
    assert blank(encoder, patches).sum() == PATCHES - 4
    np.testing.assert_array_equal(extra, [cls, marker, sep, cls, marker, sep])


def test_two_lines_on_one_row_of_patches_both_keep_their_words(encoder, page):
    words = [("salt", 0, 0, 40, 6), ("pepper", 0, 6, 40, 10)]
    patches, _ = grid_of(encoder, page(*words))
    vectors = encoder.late.encode_documents(["salt pepper"])[0][2:4]
    assert {int((vectors @ patch).argmax()) for patch in patches[0, :2]} == {0, 1}


def test_punctuation_has_no_vector(encoder, page):
    patches, extra = grid_of(encoder, page(("...", 0, 0, 60, 10), ("—", 100, 0, 120, 10), ("!", 200, 0, 220, 10)))
    written = ~blank(encoder, patches)
    assert not written[0, :3].any()
    assert not written[0, 10]
    assert not (extra == encoder.background).all()


def test_a_page_of_many_windows_loses_no_token(encoder, page):
    numbers = [f"{number}" for number in range(100, 420)]
    tokens = encoder.late.truncated([" ".join(numbers)])[0] + encoder.late.config.document_length - 3
    words = [(text, place % 16 * 40, place // 16 * 12, place % 16 * 40 + 38, place // 16 * 12 + 10)
             for place, text in enumerate(numbers)]  # fmt: skip
    patches, extra = grid_of(encoder, page(*words))
    assert tokens > encoder.late.config.document_length
    assert len(np.unique(patches.reshape(PATCHES, -1), axis=0)) == tokens + 1
    assert not np.array_equal(extra[:3], extra[3:]), "first and last window"


def test_a_word_longer_than_a_window(encoder, page):
    assert len(encoder.late.tokens("x/" * 400, "document")) < 400
    patches, _ = grid_of(encoder, page(("x/" * 400, 0, 0, 640, 10), ("end", 0, 40, 60, 50)))
    written = ~blank(encoder, patches)
    assert written[0, :10].all()
    assert not written[0, 20:].any(), "its end is cut off"
    assert written[4, :3].all()


def test_page_without_words_is_background_and_says_so(encoder, page):
    for image in (page(), page(("\u200b", 0, 0, 20, 10))):
        patches, extra = grid_of(encoder, image)
        assert blank(encoder, patches).all()
        assert blank(encoder, extra).all()
    assert encoder.words(page()) == []


def test_boxes_of_no_size_or_beyond_the_page(encoder, page):
    patches, _ = grid_of(encoder, page(("here", 100, 100, 100, 100), ("there", 700, 330, 760, 340)))
    assert (~blank(encoder, patches)).sum() == 1


def test_same_vectors_alone_and_in_a_batch_to_the_last_bit(encoder, page, monkeypatch):
    shown = []
    monkeypatch.setattr("tqdm.auto.tqdm", lambda pages, **_: shown.append(len(pages)) or pages)
    images = [page(*lines("one line")), page(*lines("a much longer page", "of two lines", "or three")), page()]
    together = encoder.encode_pages(images, batch_size=3, progress=True)
    assert shown == [3]
    for place, image in enumerate(images):
        np.testing.assert_array_equal(encoder.encode_pages([image]).vectors[0], together.vectors[place])


def test_queries_are_the_late_encoders(encoder):
    text = "which quay is closed?"
    np.testing.assert_array_equal(encoder.encode_query(text), encoder.late.encode_query(text))
    assert encoder.encode_queries([text, "dues"], ["a", "b"]).ids == ["a", "b"]
    assert len(encoder.tokens(text)) == len(encoder.encode_query(text))


# Bundled pages


@pytest.fixture(scope="module")
def dev():
    return load_pages_dataset("dev")


def test_bundled_page_needs_no_ocr(encoder, dev, monkeypatch):
    monkeypatch.setattr("lateint_ref.ocr._engine", lambda: pytest.fail("OCR was run"))
    name = dev.ids[2]
    patches, _ = grid_of(encoder, page_image(name))
    assert encoder.words(page_image(name)) == page_words(name)
    assert 0.2 < blank(encoder, patches).mean() < 0.95


def test_background_beats_no_word_of_a_query_on_the_page_that_answers_it(encoder, dev):
    for query in dev.queries[:2]:
        name = next(name for name, grade in dev.qrels[query.id].items() if grade == 2)
        patches, _ = grid_of(encoder, page_image(name))
        words = patches[~blank(encoder, patches)]
        asked = encoder.encode_query(query.text)[2:-1]
        assert ((asked @ words.T).max(axis=1) > asked @ encoder.background).all()


def test_pages_are_found(encoder, dev):
    first = set(dev.qrels[dev.queries[0].id])
    queries = [dev.queries[0], next(query for query in dev.queries if not first & set(dev.qrels[query.id]))]
    names = [max(dev.qrels[query.id], key=dev.qrels[query.id].__getitem__) for query in queries]
    pages = encoder.encode_pages([page_image(name) for name in names], names)
    for query, name in zip(queries, names, strict=True):
        scores = maxsim_scores(encoder.encode_query(query.text), pages.vectors)
        assert names[int(scores.argmax())] == name


def test_drawn_page_is_read_by_ocr(encoder):
    image = Image.new("RGB", (480, 320), "white")
    ImageDraw.Draw(image).text((30, 30), "harbour dues", fill="black", font=ImageFont.load_default(32))
    assert [word.text for word in encoder.words(image)] == ["harbour", "dues"]
    rows, columns = np.nonzero(~blank(encoder, grid_of(encoder, image)[0]))
    assert 2 <= rows.min() <= rows.max() <= 7
    assert 1 <= columns.min() <= columns.max() <= 18


# Errors


def test_bad_pages_are_named_before_any_is_read(encoder, monkeypatch):
    monkeypatch.setattr("lateint_ref.ocr.read_words", lambda image: pytest.fail("a page was read"))
    encode, good, dot = encoder.encode_pages, Image.new("RGB", (40, 40)), Image.new("RGB", (1, 1))
    refused(TypeError, "list of PIL images or paths", encode, "page.png")
    refused(ValueError, "at least one page", encode, [])
    refused(TypeError, "1 of 1 pages cannot be encoded: page '0'", encode, [3])
    refused(ValueError, "'a'", encode, [good, good], ["a", "a"])
    refused(ValueError, "page 'a'.*The other 1 can", encode, [dot, good], ["a", "b"])
    refused(FileNotFoundError, "2 of 2 pages.*page '0'.*page '1'", encode, ["no.png", "such.png"])
    refused(ValueError, "2 of 2", encode, ["no.png", 3])
    refused(ValueError, "batch_size", encode, [good], batch_size=0)


def test_late_encoders_without_markers_are_refused():
    refused(TypeError, "late must be", BundledPages, "colbert")
    refused(ValueError, "skip_special=False", BundledPages, LateEncoder(None, LateConfig(skip_special=True)))
    refused(ValueError, "document_marker", BundledPages, LateEncoder(None, LateConfig(document_marker=None)))


def test_page_encoder_of_each_profile(monkeypatch):
    monkeypatch.setattr("lateint_ref.encoders.load.HubPages", lambda name: f"hub {name}")
    monkeypatch.delenv("LATEINT_PROFILE", raising=False)
    assert isinstance(encoders.load_pages(), BundledPages)
    assert encoders.load_pages("some/folder") == "hub some/folder"
    monkeypatch.setenv("LATEINT_PROFILE", "hub")
    assert encoders.load_pages() == "hub vidore/colpali-v1.3"
    monkeypatch.setenv("LATEINT_PAGES_MODEL", "vidore/colqwen2-v1.0")
    assert encoders.load_pages() == "hub vidore/colqwen2-v1.0"
