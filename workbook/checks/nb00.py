"""Checkers of notebook 00: a prediction about three methods, reciprocal rank by hand, a collection of one's own."""

from __future__ import annotations

from typing import Any

import numpy as np

from lateint_ref.datasets import load_handbook
from workbook.checks._shared import score_by_loops
from workbook.exercises import Answer, NotAttempted, NotYet, exercise, expect_close, rule_out

FAMILIES = ("BM25", "bi", "late")
QUESTION, ANSWER = "apples-q4", "apples-8"


def _places(text: str) -> dict[str, int]:
    """The rank of the answer among its eight siblings, by each method; of equal scores, the first comes first."""
    from lateint_ref.encoders import BM25, load_bi, load_late

    handbook = load_handbook()
    rows = [i for i, passage in enumerate(handbook.passages) if passage.id.split("-")[0] == ANSWER.split("-")[0]]
    texts = [handbook.texts[row] for row in rows]
    bi, late = load_bi(), load_late()
    query = late.encode_query(text)
    scores = {
        "BM25": BM25(handbook.texts).scores(text)[rows],
        "bi": bi.encode_documents(texts) @ bi.encode_queries([text])[0],
        "late": [score_by_loops(query, document) for document in late.encode_documents(texts)],
    }
    at = [handbook.ids[row] for row in rows].index(ANSWER)
    return {
        name: 1 + sum(bool(other > found[at] or (other == found[at] and i < at)) for i, other in enumerate(found))
        for name, found in scores.items()
    }


@exercise("00-1", "Shared words decide for BM25; bi and late also bring together different words for the same thing.")
def _predict(answer: Answer) -> None:
    given = answer()
    if not isinstance(given, tuple) or len(given) != 2:
        raise NotYet("your function should return two things, the query and the name of a method")
    text, family = given
    if family is ... or text is ...:
        raise NotAttempted
    if family not in FAMILIES:
        raise NotYet(f"the method should be one of {', '.join(FAMILIES)}, but is {family!r}")
    if not isinstance(text, str) or len(text.split()) < 3:
        raise NotYet("the query should be a string of at least three words")
    if text.strip().lower() == load_handbook().query(QUESTION).text.lower():
        raise NotYet("the query is still the one that was given: ask in your own words")
    places = _places(text)
    ranks = ", ".join(f"{name} {place}" for name, place in places.items())
    if len(set(places.values())) == 1:
        raise NotYet(f"all three put the passage at the same rank ({ranks}): find a wording that tells them apart")
    if places[family] != min(places.values()):
        raise NotYet(f"{family} is not the best here. Ranks of the passage among the eight: {ranks}")
    print(f"Ranks of the passage among the eight: {ranks}")


@exercise("00-2", "RR@10 looks at one passage a question: the first that is of any use.")
def _reciprocal_ranks(answer: Any) -> None:
    values = np.asarray(answer)
    if values.shape == (4,) and values.dtype.kind in "if":
        slips = [
            (0, 1 / 4, "the first value is 1/4, but a passage of grade 1 counts as well, and it stands higher"),
            (0, 1 / 2, "the first value is 1/2: ranks are counted from 1, not from 0"),
            (0, 3, "the first value is a rank: RR is 1 divided by it"),
            (1, 1 / 11, "the second value is 1/11, but RR@10 looks at the first ten ranks only"),
            (3, 2 / 3, "the mean should be over all three questions; a question without a hit counts as 0"),
        ]
        for place, wrong, words in slips:
            rule_out(values[place], [(wrong, words)], tolerance=0.004)
    wanted = np.array([1 / 3, 0.0, 1.0, 4 / 9])
    expect_close(answer, wanted, what="the list of the three values and their mean", tolerance=0.006)


@exercise(
    "00-3", "That is a search engine for your own text. Any collection in this form can take the handbook's place."
)
def _search(answer: Answer) -> None:
    given = answer()
    if not isinstance(given, tuple) or len(given) != 4:
        raise NotYet("your function should return four things: passages, query, wanted, hits")
    passages, query, wanted, hits = given
    if query is ... or wanted is ... or hits is ...:
        raise NotAttempted
    ids, texts = _collection(passages)
    if not isinstance(query, str) or not query.strip():
        raise NotYet("the query should be a string with something in it")
    if wanted not in ids:
        raise NotYet(f"wanted should be the _id of one of your passages ({', '.join(ids)}), but is {wanted!r}")
    found = [str(hit[0]) for hit in hits]
    if sorted(found) != sorted(ids):
        raise NotYet(f"hits should hold each of the five passages once, with their ids, but hold {found}")
    from lateint_ref.encoders import load_late

    late = load_late()
    q = late.encode_query(query)
    scores = {name: score_by_loops(q, d) for name, d in zip(ids, late.encode_documents(texts), strict=True)}
    expect_close([float(hit[1]) for hit in hits], [scores[name] for name in found], what="the scores", tolerance=1e-3)
    if [scores[name] for name in found] != sorted(scores.values(), reverse=True):
        raise NotYet("hits should be in the order of their scores, best first")
    if found[0] != wanted:
        raise NotYet(f"the search works, but finds {found[0]!r} before {wanted!r}: reword the query or the passages")


def _collection(passages: Any) -> tuple[list[str], list[str]]:
    """Ids, and title and text of each passage in one string."""
    if not isinstance(passages, list) or len(passages) != 5:
        raise NotYet("passages should be a list of five")
    for number, passage in enumerate(passages, 1):
        for key in ("_id", "title", "text"):
            if not isinstance(passage, dict) or not isinstance(passage.get(key), str) or not passage[key].strip():
                raise NotYet(f"passage {number} should be a dict in which {key!r} is a string with something in it")
        if len(passage["text"].split()) < 5:
            raise NotYet(f"passage {number} is very short: write at least five words")
    ids = [passage["_id"] for passage in passages]
    if len(set(ids)) < 5:
        raise NotYet("each passage needs an _id of its own")
    return ids, [f"{passage['title']} {passage['text']}" for passage in passages]
