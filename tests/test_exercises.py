"""The exercises framework, on exercises registered here with answers that learners might give."""

import numpy as np
import pytest

from workbook import checks as checkers
from workbook import exercises
from workbook.checks._shared import judge_parts
from workbook.exercises import NotYet, exercise, expect_array, expect_close, expect_list

QUERY = np.array([[1.0, 0.0], [0.6, 0.8]])
DOCUMENT = np.array([[0.0, 1.0], [1.0, 0.0], [0.8, 0.6]])
# Worked out by hand: the first query vector finds 1.0, the second 0.6 * 0.8 + 0.8 * 0.6 = 0.96.
SCORE = 1.96


@exercise("99-1", shows="It is a sum of maxima.")
def _(answer):
    expect_close(answer(QUERY, DOCUMENT), SCORE, what="the score", count=2)


@exercise("99-2", shows="Rows of length 1.")
def _(answer):
    expect_close(answer, QUERY, what="the rows", dtype=np.float64)


def verdict(capsys, name, answer):
    assert exercises.check(name, answer) is None
    printed = capsys.readouterr().out.strip()
    assert printed.startswith(f"Exercise {name}: ")
    assert "\n" not in printed
    return printed.removeprefix(f"Exercise {name}: ")


def right(query, document):
    return (query @ document.T).max(axis=1).sum()


def test_right_answer_passes_and_says_what_it_shows(capsys):
    assert verdict(capsys, "99-1", right) == "passed. It is a sum of maxima."
    assert verdict(capsys, "99-2", QUERY.tolist()) == "passed. Rows of length 1."


def left_as_shipped(query, document): ...


def ellipsis_returned(query, document):
    return ...


def ellipsis_used(query, document):
    similarity = ...
    return similarity.max()


@pytest.mark.parametrize("answer", [None, ..., {"a": ..., "b": ...}, left_as_shipped, ellipsis_returned, ellipsis_used])
def test_placeholder_is_not_attempted(capsys, answer):
    assert verdict(capsys, "99-1", answer) == "not attempted yet"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda q, d: -right(q, d), "the score has the wrong sign"),
        (lambda q, d: (q @ d.T).max(axis=1).mean(), "the score is a mean; it should be a sum"),
        (lambda q, d: right(q, d) + 1, "the score is off by one everywhere"),
        (lambda q, d: (q @ d.T).max(axis=0).sum(), "the score is 2.76, but should be 1.96"),
        (lambda q, d: (q @ d.T).max(axis=1), "the score has shape (2,), but should have shape ()"),
        (lambda q, d: q @ d, "your function raised ValueError: matmul"),
        (lambda q: 1, "your function raised TypeError"),
        (lambda q, d: np.nan, "the score holds NaN"),
        (lambda q, d: "2.4", "the score should hold numbers"),
        (lambda q, d: [[1], [1, 2]], "rows of different lengths"),
        (lambda q, d: object(), "an array of numbers"),
        (3.0, "the answer could not be compared (TypeError"),
    ],
)
def test_wrong_answer_is_explained(capsys, answer, words):
    said = verdict(capsys, "99-1", answer)
    assert said.startswith("not yet: ")
    assert words in said


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (QUERY.T, "the rows are transposed"),
        (QUERY[::-1], "the rows are in reverse order"),
        (QUERY * [[3], [7]], "the rows are not normalised"),
        (QUERY.astype(np.float32), "the rows have dtype float32, but should have dtype float64"),
        (np.eye(3, 2), "axis 0 is off by one"),
        (QUERY + [[0, 0], [0, 0.5]], "the rows: the value at (1, 1) is 1.3, but should be 0.8"),
    ],
)
def test_wrong_array_is_explained(capsys, answer, words):
    assert words in verdict(capsys, "99-2", answer)


def test_other_common_faults():
    with pytest.raises(NotYet, match="is a sum; it should be a mean"):
        expect_close(6.0, 2.0, count=3)
    with pytest.raises(NotYet, match="^the windows of 6 vectors are means; they should be sums$"):
        expect_close([1.0, 3.0], [3.0, 9.0], count=3, what="the windows of 6 vectors")
    with pytest.raises(NotYet, match="^the loss is a mean; it should be a sum$"):
        expect_close(1.0, 3.0, count=3, what="the loss")
    with pytest.raises(NotYet, match="is shifted by one place"):
        expect_close([4, 1, 2, 3], [1, 2, 3, 4])
    with pytest.raises(NotYet, match="is normalised, and should not be"):
        expect_close([0.6, 0.8], [3.0, 4.0])
    with pytest.raises(NotYet, match="it is transposed"):
        expect_array(np.zeros((2, 3)), shape=(3, 2))
    for texts, first in (([1024, "?", 12], "'\\?'"), (np.array(["12", "3"]), "'12'"), ("2.56", "'2.56'")):
        with pytest.raises(NotYet, match=f"^the result should hold numbers, but {first} is a text$"):
            expect_array(texts, shape=np.shape(texts))
    with pytest.raises(NotYet, match="^the result still holds a `...`: fill in every part$"):
        expect_array([1024, ..., 12], shape=(3,))
    expect_close(1.0 + 1e-6, 1.0)


def test_faults_of_an_exercise_come_before_those_of_any():
    faults = [
        ([3.0, 1.0], "these are swapped"),
        (1.0, "this is one number"),
        ([1.0, 3.0], "never said of the right one"),
    ]
    expect_close([1.0, 3.0], [1.0, 3.0], faults=faults)
    for given, words in (
        ([3.0, 1.0], "^these are swapped$"),
        (1.0, "^this is one number$"),
        ([2.0, 4.0], "off by one"),
    ):
        with pytest.raises(NotYet, match=words):
            expect_close(given, [1.0, 3.0], faults=faults)
    with pytest.raises(NotYet, match="holds NaN"):
        expect_close(np.nan, 1.0, faults=[(np.nan, "nothing equals NaN")])


def test_lists():
    assert expect_list((1, "a"), "two things", 2) == [1, "a"]
    assert expect_list(np.arange(2), "numbers") == [0, 1]
    for given, words in (("ab", "this is a str"), (np.array(2), "this is a ndarray"), ([1], "these are 1")):
        with pytest.raises(NotYet, match=f"^return two things; {words}$"):
            expect_list(given, "two things", 2)


@pytest.mark.parametrize("name", ["01-3", "02-1", "13-1"])
def test_nan_is_no_answer(capsys, name):
    assert verdict(capsys, name, np.nan if name != "01-3" else lambda *_: np.nan).startswith("not yet")


def test_unknown_or_doubled_name_is_an_error():
    with pytest.raises(ValueError, match="no exercise '99-7'; exercises of this notebook: 99-1, 99-2"):
        exercises.check("99-7", 1)
    with pytest.raises(ValueError, match="already registered by"):
        exec('@exercise("99-1")\ndef other(answer): ...', {"exercise": exercise, "__name__": "elsewhere"})


def test_checkers_of_a_notebook_are_loaded_when_asked_for(tmp_path, monkeypatch, capsys):
    (tmp_path / "nb98.py").write_text(
        "from workbook.exercises import exercise, expect_close\n"
        "@exercise('98-1')\ndef _(answer):\n    expect_close(answer, 3)\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(checkers, "__path__", [*checkers.__path__, str(tmp_path)])
    assert verdict(capsys, "98-1", 3) == "passed."
    assert verdict(capsys, "98-1", 5) == "not yet: the result is 5, but should be 3"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([2, "A", 0.25], None),
        ([2.0, "A", 0.2501], None),
        ([3, "A", 0.25], r"^in a, that is the number before rounding$"),
        ([4, "A", 0.25], r"^in a, 4 is not right; count again$"),
        ([2, "B", 0.25], r"^in b, B comes second$"),
        ([2, "C", 0.25], r"^in b, 'C' is not right; count again$"),
        ([2, ["A"], 0.25], r"^in b, \['A'\] is not right; count again$"),
        ([2, 0.25, 0.25], r"^in b, 0.25 is not right; count again$"),
        ([2, "A", 0.4999], r"^in c, twice too much$"),
        ([2, "A", float("nan")], r"^in c, nan is not right; count again$"),
        ([3, "B", 0.5], r"^in a, "),
    ],
)
def test_predictions_are_judged_part_by_part(given, words):
    faults = {(0, 3): "that is the number before rounding", (1, "B"): "B comes second", (2, 0.5): "twice too much"}
    if words is None:
        judge_parts(given, (2, "A", 0.25), faults, "count again", rel_tol=1e-3)
        return
    with pytest.raises(exercises.NotYet, match=words):
        judge_parts(given, (2, "A", 0.25), faults, "count again", rel_tol=1e-3)


def test_predictions_are_exact_where_no_tolerance_is_given():
    judge_parts([4096], [4096], {})
    with pytest.raises(exercises.NotYet, match="^in a, 4097 is not right$"):
        judge_parts([4097], [4096], {})


def test_decoding_in_half_precision_passes(capsys):
    def decoded(packed, weights, centroids, numbers, order=(6, 4, 2, 0)):
        buckets = np.stack([(packed >> shift) & 3 for shift in order], axis=2).reshape(len(packed), -1)
        vectors = centroids.astype(np.float16)[numbers] + weights.astype(np.float16)[buckets]
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True).astype(np.float16)

    assert verdict(capsys, "06-3", decoded).startswith("passed")
    assert "in reverse" in verdict(capsys, "06-3", lambda *given: decoded(*given, order=(0, 2, 4, 6)))


@pytest.mark.parametrize(
    "form", [tuple, list, np.array, lambda parts: np.array(parts, dtype=object), lambda p: [*p[:3], np.int64(p[3])]]
)
def test_predictions_may_be_a_list_or_an_array(capsys, form):
    assert verdict(capsys, "09-1", form(("d", "A", "A", 5))).startswith("passed")
    assert "in d, C is among the two best" in verdict(capsys, "09-1", form(("D", "A", "A", 3)))
    assert "in b, 'X' is not right" in verdict(capsys, "09-1", form(("D", "X", "A", 5)))


@pytest.mark.parametrize("answer", [np.array("D"), np.array(["D", "A", "A"]), ["D", "A", "A"], "DAA5", 5])
def test_predictions_of_another_shape_are_refused(capsys, answer):
    assert "three letters and a number" in verdict(capsys, "09-1", answer)
