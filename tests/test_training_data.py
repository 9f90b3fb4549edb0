"""The training text: readers, pairs, mining, and above all the guard that keeps evaluation text out of it."""

import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from lateint_ref.datasets import data_folder, load_handbook
from workbook.training_data import build, drop_overlaps, is_held_out, read_lines, write_lines
from workbook.training_guard import Guard, evaluation_texts
from workbook.training_judged import Question, candidates, docstrings, family_of, read_judged
from workbook.training_markup import Section, docstring_sections, markup_sections, pod_sections
from workbook.training_mining import mine
from workbook.training_pairs import Pair, deduplicate, gather, is_prose, normalised, pairs_of_section, sentences
from workbook.training_rewrite import rewrite
from workbook.training_sources import SOURCES, Source, fetch, read, unpack, wordnet_sections

GATHERED = Path(__file__).parent.parent / "build" / "training"
PROSE = (
    "The lamp on the desk is switched off by the button at its foot. When the room is dark, a sensor turns it on. "
    "You can move the sensor to the wall if the cable is long enough for that. After two hours the light goes out to "
    "save power. Children should not open the case, because the parts inside are hot."
)


def pair(query="how do I turn the lamp off", positive=PROSE, spoiled=None, page="lamp", source="x"):
    return Pair(query, positive, spoiled, "rest", source, page)


def test_evaluation_text_is_known():
    texts = evaluation_texts(data_folder())
    assert len(texts) >= 640  # the handbook: 320 passages, 320 queries
    guard = Guard(texts)
    assert all(guard.overlap(text) for text in texts if len(normalised(text)) >= 5)


def test_planted_overlaps_are_dropped():
    """A run of eight words of an evaluation text, wherever it stands and however it is written, is found."""
    texts = evaluation_texts(data_folder())
    guard = Guard(texts)
    rng = random.Random(0)
    for text in rng.sample([text for text in texts if len(normalised(text)) >= 8], 60):
        tokens = normalised(text)
        start = rng.randrange(len(tokens) - 7)
        planted = "  --  ".join(token.upper() for token in tokens[start : start + 8])
        for bad in (
            pair(query=f"tell me: {planted}?"),
            pair(positive=f"{PROSE} {planted}. {PROSE}"),
            pair(spoiled=f"{planted} {PROSE}"),
        ):
            kept, dropped = drop_overlaps([bad, pair()], guard)
            assert kept == [pair()]
            assert dropped == Counter(x=1)


def test_a_short_query_is_guarded_whole():
    guard = Guard(["robotic lawn mower wire-free"])
    assert guard.overlap("Which Robotic, lawn mower wire free is best?") == "robotic lawn mower wire free"
    assert guard.overlap("which robotic lawn mower is wire free") is None


def test_a_guard_without_collections_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing to guard"):
        evaluation_texts(tmp_path)


@pytest.mark.skipif(not (GATHERED / "documents.jsonl").is_file(), reason="no training data gathered here")
def test_gathered_data_shares_nothing_with_the_evaluation():
    guard = Guard(evaluation_texts(data_folder()))
    for record in read_lines(GATHERED / "documents.jsonl"):
        assert guard.overlap(record["document"]) is None, record
    queries = {record["query_id"]: record for record in read_lines(GATHERED / "queries.jsonl")}
    for record in queries.values():
        assert guard.overlap(record["query"]) is None, record


@pytest.mark.skipif(not (GATHERED / "documents.jsonl").is_file(), reason="no training data gathered here")
def test_gathered_data_fits_together():
    pages = {record["document_id"]: record["page"] for record in read_lines(GATHERED / "documents.jsonl")}
    for split in ("train", "valid"):
        for record in read_lines(GATHERED / f"{split}.jsonl"):
            names = record["document_ids"]
            assert len(names) == len(record["scores"]) == len(set(names))
            assert {is_held_out(pages[name]) for name in names} == {split == "valid"}


def test_judged_questions_share_nothing_with_the_evaluation():
    """What is committed in `data/training` is clean by itself: the guard has nothing to drop."""
    passages, questions = read_judged(data_folder() / "training")
    guard = Guard(evaluation_texts(data_folder()))
    stained = {name: run for name, text in passages.items() if "." not in name and (run := guard.overlap(text))}
    assert stained == {}
    assert [question.text for question in questions if guard.overlap(question.text)] == []
    handbook = {passage.id.rpartition("-")[0] for passage in load_handbook("dev").passages}
    assert not handbook & {question.family for question in questions}


def test_judged_families_have_one_answer_and_documentation_is_found():
    passages, questions = read_judged(data_folder() / "training")
    for question in questions:
        best = [name for name, grade in question.grades.items() if grade == 2]
        assert set(question.grades) <= set(passages)
        assert len(best) == 1 or question.family == "api"
        assert {family_of(name) for name in question.grades} == {question.family}
    names = (data_folder() / "training" / "api_passages.txt").read_text().split()
    assert len(docstrings(names)) == len(names), "the pinned packages have every name"


def test_candidates_of_a_question_are_its_siblings_and_strangers():
    names = [f"lamps-{n}" for n in range(4)] + [f"doors-{n}" for n in range(6)] + ["pandas.concat"]
    families = [family_of(name) for name in names]
    question = Question("a lamp", "keyword", {"lamps-2": 2, "lamps-0": 1}, "lamps")
    found = candidates(question, names, families, np.linspace(1, 0, len(names), dtype=np.float32))
    assert found[:2] == [(2, 1.0), (0, 0.2)]
    assert {names[row] for row, label in found if label == 0} == {"lamps-1", "lamps-3", "doors-0", "doors-1", "doors-2"}


def test_html_is_cut_at_its_headings():
    text = """<html><head><title>no</title></head><body><nav><p>Home</p></nav><h1>1.2. Lamps &amp; light</h1>
    <p>Turn it <b>on</b>.</p><pre>lamp --on</pre><ul><li>Or off.</li></ul>
    <h2>Heat</h2><p>It is hot.</p></body></html>"""
    found = list(markup_sections("x", "p", text))
    assert [(section.heading, section.text) for section in found] == [
        ("Lamps & light", "Turn it on.\nOr off."),
        ("Heat", "It is hot."),
    ]


def test_pod_and_docstrings():
    pod = "=head1 I<Light>\n\nIt is C<on>.\n\n    code\n\n=head1 Heat\n\nHot.\n"
    assert [(s.heading, s.text) for s in pod_sections("x", "p", pod)] == [("Light", "It is on."), ("Heat", "Hot.")]
    code = 'def f():\n    """Turn it on.\n\n    The lamp glows.\n\n    Args:\n        x: no.\n    """\n'
    assert [(s.heading, s.text) for s in docstring_sections("x", "p", code)] == [("Turn it on.", "The lamp glows.")]
    assert list(docstring_sections("x", "p", "def broken(:")) == []


def test_wordnet_lines_become_synonyms_and_gloss(tmp_path):
    line = '00401783 04 n 02 refreshment 0 ice_cream 1 001 @ 00398704 n 0000 | an activity; "time for it"  \n'
    (tmp_path / "data.noun").write_text("  1 licence\n" + line)
    (section,) = wordnet_sections(tmp_path / "data.noun")
    assert (section.heading, section.text) == ("refreshment, ice cream", 'an activity; "time for it"')


def test_prose_is_told_from_the_rest():
    assert is_prose(PROSE)
    assert not is_prose("Too short to be of use.")
    assert not is_prose("Home Next Previous Index Chapter One Chapter Two " * 8)
    assert not is_prose(PROSE + " See https://example.org for more.")
    assert not is_prose(" ".join(PROSE.split() * 4))
    assert len(sentences(PROSE)) == 5


def test_pairs_do_not_contain_their_answer():
    """A sentence that was taken out is not in what is left; a spoiled passage lacks the sentence asked about."""
    sections = [Section("x", f"p{n}", f"Lamp {n}", f"Lamp number {n} stands here. {PROSE}") for n in range(60)]
    pairs = [pair for section in sections for pair in pairs_of_section(section, {"lamp": ("light",)})]
    kinds = Counter(pair.kind for pair in pairs)
    assert set(kinds) == {"heading", "rest", "detail"}
    for one in pairs:
        if one.kind == "rest":
            assert one.query not in one.positive
        if one.kind == "detail":
            assert one.spoiled is not None
            assert len(one.spoiled) < len(one.positive)


def test_gathering_is_deterministic_and_capped():
    sections = [Section("x", f"p{n}", f"Lamp {n}", f"Lamp number {n} stands here. {PROSE}") for n in range(60)]
    first = gather(sections, 0.5, 40, {}, seed=3)
    assert first == gather(sections, 0.5, 40, {}, seed=3)
    assert first != gather(sections, 0.5, 40, {}, seed=4)
    assert len(first) == 20


def test_near_duplicates_are_dropped():
    other = "Bread dough rises slowly in a cool kitchen and tastes the better for it on the day after baking."
    kept, dropped = deduplicate([pair(), pair("another query", f"So. {PROSE}"), pair("third", other)])
    assert [one.query for one in kept] == ["how do I turn the lamp off", "third"]
    assert dropped.total() == 1


def test_rewriting_changes_words_and_numbers():
    rng = random.Random(0)
    texts = {rewrite("The lamp costs 12 pounds and glows", {"lamp": ("light",)}, rng).lower() for _ in range(40)}
    assert any("light" in text for text in texts)
    assert any("twelve" in text for text in texts)
    assert rewrite("Lamps", {"lamp": ("light",)}, random.Random(2)).lower() in {"lamps", "lights", ""}


def test_negatives_are_siblings_and_never_the_positive():
    bodies = [f"{word} " * 3 + " ".join(f"{word}{n}" for n in range(12)) for word in ("red", "green", "blue", "grey")]
    pairs = [pair(body.split()[0], body, page="a" if row < 2 else "b") for row, body in enumerate(bodies)]
    pairs.append(pair("red too", bodies[0] + " again", page="c"))
    vectors = np.eye(5, 384, dtype=np.float32)
    siblings = {("a", False): [0, 1], ("b", False): [2, 3], ("c", False): [4]}
    mined = list(mine(pairs, np.arange(5), siblings, vectors, vectors, 3))
    assert mined[0][0][0] == 1
    assert mined[2][0][0] == 3
    for row, (names, scores) in enumerate(mined):
        assert row not in names
        assert len(names) == len(scores) == len(set(names))
    assert 4 not in mined[0][0], "a near-duplicate of the positive is no negative"


def test_missing_tools_and_files_say_what_to_do(tmp_path, monkeypatch):
    source = Source("no-such-package", "*.html", "markup", 1.0)
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(FileNotFoundError, match="apt-get"):
        fetch([source], tmp_path)
    with pytest.raises(FileNotFoundError, match="no-such-package"):
        unpack([source], tmp_path, tmp_path / "unpacked")
    with pytest.raises(FileNotFoundError, match=r"holds no \*\.html"):
        list(read(source, tmp_path))
    with pytest.raises(FileNotFoundError, match="training_data"):
        read_lines(tmp_path / "train.jsonl")
    (tmp_path / "train.jsonl").write_text("{")
    with pytest.raises(ValueError, match="damaged"):
        read_lines(tmp_path / "train.jsonl")


def test_what_is_there_is_not_fetched_again(tmp_path, monkeypatch):
    (tmp_path / "some-doc_1_all.deb").touch()
    monkeypatch.setattr("subprocess.run", lambda *a, **k: pytest.fail("fetched again"))
    fetch([Source("some-doc", "*", "markup", 1.0)], tmp_path)


def test_build_writes_whole_files_in_the_layout_of_pylate(tmp_path, monkeypatch):
    pairs = [
        pair(f"where is thing {n}", f"Thing {n} " + " ".join(f"w{n}x{i}" for i in range(30)), page=f"page {n // 2}")
        for n in range(120)
    ]
    pairs[5] = Pair(pairs[5].query, pairs[5].positive, "spoiled text", "detail", "x", pairs[5].page)
    for name in ("fetch", "unpack"):
        monkeypatch.setattr(f"workbook.training_data.{name}", lambda *a: None)
    monkeypatch.setattr("workbook.training_data.collect", lambda *a: (pairs, {"kept": Counter(x=120)}))

    def embed(texts, folder, what):
        vectors = np.random.default_rng(0).standard_normal((len(texts), 384)).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    monkeypatch.setattr("workbook.training_data.embed", embed)
    build(tmp_path, 120, 0, 4)
    train, valid = read_lines(tmp_path / "train.jsonl"), read_lines(tmp_path / "valid.jsonl")
    mined = [record for record in train + valid if "labels" not in record]
    judged = [record for record in train + valid if "labels" in record]
    assert len(mined) == 120
    assert valid
    assert sum(120 in record["document_ids"] for record in mined) == 1
    assert len(judged) > 1000
    assert all(len(record["labels"]) == len(record["document_ids"]) >= 9 for record in judged)
    assert all(record["labels"][0] == 1.0 for record in judged), "an answer comes first"
    assert json.loads((tmp_path / "counts.json").read_text())["kept"] == {"x": 120}
    assert not list(tmp_path.glob(".*"))


def test_shares_leave_room_for_everyday_text():
    shares = {source.package: source.share for source in SOURCES}
    assert len(shares) == len(SOURCES)
    assert max(shares.values()) <= 0.2


def test_lines_are_written_whole(tmp_path):
    write_lines(tmp_path / "a.jsonl", [{"text": "ü"}])
    assert read_lines(tmp_path / "a.jsonl") == [{"text": "ü"}]
