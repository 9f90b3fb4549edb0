"""Queries in other words: a sentence with synonyms for its words, figures for its numerals and gaps for its rest.

Whoever searches does not know the text's words. Synonyms come from WordNet (Miller, CACM 1995): those of a word's
most frequent sense, by the counts of its tagged texts.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
_TENS = dict(zip(range(30, 100, 10), ("thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"), strict=True))
NUMBERS = {str(value): word for value, word in enumerate(_SMALL.split())} | {str(v): word for v, word in _TENS.items()}
_FIGURES = {word: figure for figure, word in NUMBERS.items() if word != "one"}
_FUNCTION = (
    "a an and any are as at be been by can could did do does for from had has have if in into is it its may might more "
    "most must no not of on only or our out over should so some such than that the their them then there these they "
    "this those to up was we were what when which who will with would you your i he she his her but also both each "
    "used using use"
)
FUNCTION_WORDS = frozenset(_FUNCTION.split())


@lru_cache(maxsize=2)
def synonyms(folder: Path) -> Mapping[str, tuple[str, ...]]:
    """Other words for a word: the rest of the synonym set of its most frequent sense.

    Args:
        folder: WordNet's database files (`index.*`, `data.*`, `cntlist.rev`).

    Returns:
        Lower-case single words to their synonyms. Words never seen in the tagged texts are left out.

    Raises:
        FileNotFoundError: a file is missing.
    """
    best: dict[str, tuple[int, str]] = {}
    names = {"1": "noun", "2": "verb", "3": "adj", "4": "adv", "5": "adj"}
    for line in (folder / "cntlist.rev").read_text(encoding="latin-1").splitlines():
        key, number, count = line.split()
        lemma, _, rest = key.partition("%")
        if number == "1" and "_" not in lemma and int(count) > best.get(lemma, (0, ""))[0]:
            best[lemma] = (int(count), names[rest[0]])
    sets: dict[str, dict[str, tuple[str, ...]]] = {}
    first: dict[str, dict[str, str]] = {}
    for name in sorted(set(names.values())):
        sets[name], first[name] = {}, {}
        for line in (folder / f"data.{name}").read_text(encoding="latin-1").splitlines():
            if line[:1].isdigit():
                fields = line.split()
                words = fields[4 : 4 + 2 * int(fields[3], 16) : 2]
                sets[name][fields[0]] = tuple(re.sub(r"\(\w+\)$", "", word).replace("_", " ") for word in words)
        for line in (folder / f"index.{name}").read_text(encoding="latin-1").splitlines():
            if not line.startswith(" "):
                fields = line.split()
                first[name][fields[0]] = fields[-int(fields[2])]
    found = {}
    for lemma, (_, name) in best.items():
        others = tuple(word for word in sets[name].get(first[name].get(lemma, ""), ()) if word.lower() != lemma)
        if others:
            found[lemma] = others
    return found


def rewrite(sentence: str, words: Mapping[str, tuple[str, ...]], rng: random.Random) -> str:
    """`sentence` as somebody might ask for it who has not read it.

    Two in three words that have synonyms are replaced, numbers change between figures and numerals, half of the
    function words and one in eight of the others go, and a long sentence is cut to a run of 6 to 14 words.

    Args:
        sentence: any text.
        words: what `synonyms` returns.
        rng: decides; the same state gives the same text.
    """
    kept = []
    for token in re.findall(r"[\w'’-]+", sentence):
        low = token.lower()
        if rng.random() < (0.5 if low in FUNCTION_WORDS else 0.12):
            continue
        if low in NUMBERS or low in _FIGURES:
            token = NUMBERS.get(low) or _FIGURES[low]
        elif low not in FUNCTION_WORDS and rng.random() < 0.67:
            token = _synonym(low, words, rng) or token
        kept.append(token)
    size = rng.randint(6, 14)
    start = rng.randint(0, max(0, len(kept) - size))
    text = " ".join(kept[start : start + size])
    return text.lower() if rng.random() < 0.5 else text[:1].upper() + text[1:]


def _synonym(word: str, words: Mapping[str, tuple[str, ...]], rng: random.Random) -> str | None:
    """A synonym of `word`, with its plural or third-person s put back; None where there is none."""
    if word in words:
        return rng.choice(words[word])
    if word.endswith("s") and word[:-1] in words:
        return rng.choice(words[word[:-1]]) + "s"
    return None
