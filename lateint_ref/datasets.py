"""Judged collections in BEIR layout: the bundled ones and any other.

The layout (Thakur et al., "BEIR: A Heterogeneous Benchmark for Zero-shot Evaluation of Information Retrieval
Models", 2021):

    corpus.jsonl        {"_id": ..., "title": ..., "text": ..., "metadata": {...}}, one document a line
    queries.jsonl       {"_id": ..., "text": ..., "metadata": {...}}
    qrels/test.tsv      query-id, corpus-id, score; tab-separated, with that header
"""

import json
import os
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

Qrels = dict[str, dict[str, int]]

_Item = TypeVar("_Item", "Passage", "Query")


@dataclass(frozen=True)
class Passage:
    """One document: id, title, text and whatever else its line held."""

    id: str
    title: str
    text: str
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def full_text(self) -> str:
        """Title and text as encoders read them, in one string."""
        return f"{self.title} {self.text}" if self.title else self.text


@dataclass(frozen=True)
class Query:
    """One query: id, text and whatever else its line held."""

    id: str
    text: str
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def type(self) -> str:
        """The kind of query (`keyword`, `number`, ...), or `"unlabelled"` where the collection does not say."""
        return str(self.metadata.get("type", "unlabelled"))


@dataclass(frozen=True)
class Dataset:
    """A corpus with one split's queries and judgments, all in file order."""

    name: str  # of the folder
    split: str
    passages: list[Passage]
    queries: list[Query]  # the split's alone
    qrels: Qrels  # query id to passage id to grade; a passage that is not listed has grade 0

    @cached_property
    def ids(self) -> list[str]:
        """Document ids, in corpus order."""
        return [passage.id for passage in self.passages]

    @cached_property
    def texts(self) -> list[str]:
        """Documents as encoders read them, in corpus order."""
        return [passage.full_text for passage in self.passages]

    def passage(self, passage_id: str) -> Passage:
        """The passage with this id, or a `KeyError` that names it."""
        return _by_id(self.passages, passage_id, f"passage in {self.name}")

    def query(self, query_id: str) -> Query:
        """The query with this id, or a `KeyError` that names it."""
        return _by_id(self.queries, query_id, f"query in the {self.split} split of {self.name}")


def data_folder() -> Path:
    """Where the bundled data lies: `LATEINT_DATA`, or `data/` beside the package as in a clone.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    folder = Path(os.environ.get("LATEINT_DATA") or Path(__file__).resolve().parent.parent / "data")
    if not folder.is_dir():
        raise FileNotFoundError(
            f"The bundled data is not at {folder}. It comes with a clone of the project, not with the "
            "Python package: run from a clone, or set LATEINT_DATA to its data folder."
        )
    return folder


def load_handbook(split: str = "dev") -> Dataset:
    """The bundled text collection `data/handbook`: 320 passages in 40 families of 8 look-alike siblings.

    The split `"dev"` is for choices, `"test"` for reporting. Errors as `load_beir`.
    """
    return load_beir(data_folder() / "handbook", split)


def load_beir(folder: str | os.PathLike[str], split: str = "test") -> Dataset:
    """Read a collection in BEIR layout and check that its parts fit together.

    Published collections have documents without a text, judgments that stand twice or are of documents or queries that
    are not there, and grades below 0. These are left out, and one warning says how many. Their ids may be whole
    numbers, and their grades written `1.0`.

    Args:
        folder: holds `corpus.jsonl`, `queries.jsonl` and `qrels/<split>.tsv`.
        split: which judgments to read. Only queries judged in that split are kept.

    Raises:
        FileNotFoundError: a file is missing; for an unknown split the message lists those there are.
        ValueError: a line that is not what the layout says, a duplicate id, two grades for one pair, or nothing left to
            judge. The message gives file and line.
    """
    root = Path(folder)
    left_out: Counter[str] = Counter()
    passages = []
    for where, record in _records(root / "corpus.jsonl"):
        title, text = (_text(record, key, where, optional=True) for key in ("title", "text"))
        if title.strip() or text.strip():
            passages.append(Passage(record["_id"], title, text, _metadata(record, where)))
        else:
            left_out["documents without title or text"] += 1
    queries = [
        Query(record["_id"], _text(record, "text", where), _metadata(record, where))
        for where, record in _records(root / "queries.jsonl")
    ]
    for kind, items in (("corpus", passages), ("queries", queries)):
        if not items:
            raise ValueError(f"{root / f'{kind}.jsonl'} is empty: it needs at least one line.")
    path = root / "qrels" / f"{split}.tsv"
    if not path.is_file():
        known = sorted(other.stem for other in path.parent.glob("*.tsv"))
        raise FileNotFoundError(f"{path} does not exist. Splits of this collection: {', '.join(known) or 'none'}.")
    qrels: Qrels = {}
    query_ids, passage_ids = {query.id for query in queries}, {passage.id for passage in passages}
    for query_id, passage_id, grade in _judgments(path, left_out):
        if query_id not in query_ids:
            left_out["judgments of queries that are not there"] += 1
        elif passage_id not in passage_ids:
            left_out["judgments of documents that are not there"] += 1
        elif grade < 0:
            left_out["grades below 0"] += 1
        else:
            qrels.setdefault(query_id, {})[passage_id] = grade
    told = ", ".join(f"{count} {what}" for what, count in left_out.items())
    if not qrels:
        raise ValueError(f"{path} holds no judgments of these queries and documents{f' ({told})' if told else ''}.")
    if told:
        warnings.warn(f"{root.name}, {split}: left out {told}.", stacklevel=2)
    return Dataset(root.name, split, passages, [query for query in queries if query.id in qrels], qrels)


def _records(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """File and line, and what stands there, of every line that is not blank; ids become strings and are unique."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: a collection in BEIR layout needs it.")
    seen: dict[str, int] = {}
    for number, line in _lines(path):
        where = f"{path}, line {number}"
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"{where}: not a line of JSON ({error}).") from error
        if not isinstance(record, dict):
            raise ValueError(f"{where}: expected a JSON object with _id and text, got {type(record).__name__}.")
        if type(record.get("_id")) is int:
            record["_id"] = str(record["_id"])
        identifier = _text(record, "_id", where)
        if identifier in seen:
            raise ValueError(f"{where}: the id {identifier!r} was used before, in line {seen[identifier]}.")
        seen[identifier] = number
        yield where, record


def _judgments(path: Path, left_out: Counter[str]) -> Iterator[tuple[str, str, int]]:
    """Query id, document id and grade of every pair, each pair once."""
    lines = list(_lines(path))
    if not lines or lines[0][1].split("\t") != ["query-id", "corpus-id", "score"]:
        raise ValueError(f"{path}, line 1: expected the header query-id, corpus-id, score, separated by tabs.")
    seen: dict[tuple[str, str], tuple[int, int]] = {}
    for number, line in lines[1:]:
        where, fields = f"{path}, line {number}", line.split("\t")
        if len(fields) != 3:
            raise ValueError(f"{where}: expected query-id, corpus-id and score separated by tabs, got {line!r}.")
        query_id, passage_id, score = fields
        if not re.fullmatch(r"-?[0-9]+(\.0*)?", score.strip()):
            raise ValueError(f"{where}: the score must be a whole number, got {score!r}.")
        grade = int(score.partition(".")[0])
        before, earlier = seen.setdefault((query_id, passage_id), (grade, number))
        if before != grade:
            pair = f"query {query_id!r} and document {passage_id!r}"
            raise ValueError(f"{where}: {pair} have the grade {grade} here and {before} in line {earlier}.")
        if earlier != number:
            left_out["judgments that stand twice"] += 1
        else:
            yield query_id, passage_id, grade


def _text(record: dict[str, Any], key: str, where: str, optional: bool = False) -> str:
    """A string of a record; where it is `optional`, an absent one or null is empty."""
    value = record.get(key)
    if value is None and optional:
        return ""
    if not isinstance(value, str) or not (optional or value.strip()):
        raise ValueError(f"{where}: {key!r} must be a {'string' if optional else 'non-empty string'}, got {value!r}.")
    return value


def _metadata(record: dict[str, Any], where: str) -> dict[str, Any]:
    value = record.get("metadata") or {}
    if not isinstance(value, dict):
        raise ValueError(f"{where}: 'metadata' must be an object, got {value!r}.")
    return value


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbers and texts of the lines that are not blank. A line ends at a line feed, and nowhere inside a text."""
    for number, raw in enumerate(path.read_bytes().removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        if raw.strip():
            try:
                yield number, raw.decode("utf-8")
            except UnicodeDecodeError as error:
                raise ValueError(f"{path}, line {number}: not UTF-8 ({error}).") from error


def _by_id(items: list[_Item], identifier: str, kind: str) -> _Item:
    for item in items:
        if item.id == identifier:
            return item
    raise KeyError(f"no {kind} has the id {identifier!r} (the first is {items[0].id!r}).")
