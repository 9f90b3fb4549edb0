"""From sections to (query, positive) pairs: what is asked, and the passage that answers it."""

from __future__ import annotations

import hashlib
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from workbook.training_markup import Section, squeeze
from workbook.training_rewrite import FUNCTION_WORDS, rewrite

MIN_WORDS, MAX_WORDS, TARGET_WORDS = 30, 180, 110
_VAGUE = re.compile(
    r"(?i)^(description|overview|introduction|notes?|examples?|usage|options?|name|synopsis|see also|general|summary|"
    r"background|details|other|more|warning|tip|important|caution|syntax|author|contents|index|preface|.{0,3}|"
    r"table of .*)$"
)
_BOILERPLATE = re.compile(
    r"(?i)copyright|licen[sc]e|all rights reserved|this (manual|document|page) (is|was)|table of contents|"
    r"to access this command|TODO|work in progress|generated (by|on)|prev\b.*next\b|©|https?://|www\."
)


@dataclass(frozen=True)
class Pair:
    """One training example, before negatives are mined.

    Attributes:
        query: what is asked.
        positive: the passage that answers it.
        spoiled: the same passage without the answer, where that can be made: the hardest negative of all.
        kind: `heading`, `rest` (a sentence taken out, for what is left), `detail` (a sentence in other words, for
            the passage that holds it) or `definition`.
        source: package.
        page: passages of one page are siblings.
    """

    query: str
    positive: str
    spoiled: str | None
    kind: str
    source: str
    page: str


def normalised(text: str) -> list[str]:
    """Lower-case runs of letters and digits."""
    return re.findall(r"[^\W_]+", text.lower())


def sentences(text: str) -> list[str]:
    """`text` cut at paragraph ends and behind full stops that a capital follows."""
    return [
        squeeze(part)
        for paragraph in text.splitlines()
        for part in re.split(r"(?<=[.!?])\s+(?=[A-Z\"“(])", paragraph)
        if part.strip()
    ]


def is_prose(text: str) -> bool:
    """Whether a passage is English prose of 30 to 180 words, and no list of links, table or boilerplate."""
    words = text.split()
    if not MIN_WORDS <= len(words) <= MAX_WORDS or _BOILERPLATE.search(text):
        return False
    letters = sum(char.isascii() and (char.isalpha() or char in " ,.;:'()-") for char in text) / len(text)
    function = sum(word in FUNCTION_WORDS for word in normalised(text)) / len(words)
    return letters > 0.93 and function > 0.2 and len(set(words)) > 0.45 * len(words)


def chunks(section: Section) -> Iterator[list[str]]:
    """The section's sentences in runs of about 110 words."""
    run: list[str] = []
    for sentence in sentences(section.text):
        if run and len(" ".join([*run, sentence]).split()) > TARGET_WORDS + 20:
            yield run
            run = []
        run.append(sentence)
    if run:
        yield run


def pairs_of_section(section: Section, words: Mapping[str, tuple[str, ...]]) -> Iterator[Pair]:
    """At most one pair a run of sentences; what kind of pair is decided by the text itself.

    Args:
        section: a manual's section or a dictionary's entry.
        words: synonyms (`training_rewrite.synonyms`).
    """
    for run in chunks(section):
        text = " ".join(run)
        if not is_prose(text):
            continue
        rng = random.Random(hashlib.sha256(text.encode()).digest())
        titled = f"{section.heading}. {text}" if section.heading else text
        good_heading = not _VAGUE.match(section.heading) and 2 <= len(section.heading.split()) <= 14
        candidates = [index for index, sentence in enumerate(run) if 8 <= len(sentence.split()) <= 32]
        kind = rng.choices(("heading", "rest", "detail"), (0.3, 0.4, 0.3))[0]
        if kind == "heading" and good_heading and run == next(chunks(section)):
            yield Pair(section.heading, text, None, kind, section.source, section.page)
        elif candidates and len(run) >= 3:
            chosen = rng.choice(candidates)
            rest = " ".join(run[:chosen] + run[chosen + 1 :])
            headed = f"{section.heading}. {rest}" if section.heading else rest
            if kind != "detail" and is_prose(rest):
                yield Pair(run[chosen], headed, None, "rest", section.source, section.page)
            else:
                query = rewrite(run[chosen], words, rng)
                if len(query.split()) >= 4:
                    yield Pair(query, titled, headed, "detail", section.source, section.page)


def pairs_of_wordnet(synsets: Sequence[Section], words: Mapping[str, tuple[str, ...]]) -> Iterator[Pair]:
    """Four neighbouring synonym sets make a passage; the definition of one of them is the query.

    Half of the passages lack that definition, so that the words and examples must do; in the others it stands and
    the query says it in other words.

    Args:
        synsets: of one page, in order.
        words: synonyms.
    """
    for start in range(0, len(synsets) - 3, 4):
        four = synsets[start : start + 4]
        rng = random.Random(hashlib.sha256(four[0].text.encode()).digest())
        chosen = rng.randrange(4)
        definition, _, examples = four[chosen].text.partition('; "')
        entries = [f"{entry.heading.capitalize()}: {entry.text}." for entry in four]
        whole = " ".join(entries)
        others = " ".join(entries[:chosen] + entries[chosen + 1 :])
        if len(definition.split()) < 4:
            continue
        if rng.random() < 0.5:
            tail = f': "{examples}.' if examples else "."
            entries[chosen] = four[chosen].heading.capitalize() + tail
            query, positive = definition, " ".join(entries)
        else:
            query, positive = rewrite(definition, words, rng), whole
        if MIN_WORDS <= len(positive.split()) <= MAX_WORDS and len(query.split()) >= 3:
            yield Pair(query, positive, others, "definition", four[0].source, four[0].page)


def gather(
    sections: Iterable[Section], share: float, total: int, words: Mapping[str, tuple[str, ...]], seed: int
) -> list[Pair]:
    """Pairs of one source, whole pages at a time in random order, up to its share.

    Args:
        sections: all of the source's.
        share: of `total`, the most that may come from it.
        total: pairs wanted of all sources together.
        words: synonyms.
        seed: of the order of pages.
    """
    pages: dict[str, list[Section]] = defaultdict(list)
    for section in sections:
        pages[section.page].append(section)
    names = sorted(pages)
    random.Random(seed).shuffle(names)
    found: list[Pair] = []
    for name in names:
        if len(found) >= share * total:
            break
        page = pages[name]
        if page[0].source == "wordnet-base":
            found += pairs_of_wordnet(page, words)
        else:
            found += [pair for section in page for pair in pairs_of_section(section, words)]
    return found[: int(share * total)]


def deduplicate(pairs: Iterable[Pair]) -> tuple[list[Pair], Counter[str]]:
    """Drop pairs whose query, or nearly whose passage, came before.

    Nearly: of its runs of five words, more than three in ten stood in passages before it.

    Returns:
        The pairs left, in order, and how many of each source were dropped.
    """
    queries: set[str] = set()
    runs: set[int] = set()
    kept, dropped = [], Counter[str]()
    for pair in pairs:
        query = " ".join(normalised(pair.query))
        tokens = normalised(pair.positive)
        own = {hash(tuple(tokens[i : i + 5])) for i in range(len(tokens) - 4)}
        if query in queries or len(own & runs) > 0.3 * len(own):
            dropped[pair.source] += 1
            continue
        queries.add(query)
        runs |= own
        kept.append(pair)
    return kept, dropped
