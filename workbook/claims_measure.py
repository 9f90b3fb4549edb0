"""What claims are judged by: shares and differences with intervals, and measurements that are too slow for a notebook.

`python -m workbook claims` measures the slow ones on the test splits and writes `data/measurements/claims.json`
(about a minute on two cores). The rest is measured by notebook 12 itself.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lateint_ref.datasets import data_folder
from lateint_ref.encoders import load_late
from lateint_ref.evaluation import paired_test
from lateint_ref.multivectors import MultiVectors
from lateint_ref.scores import maxsim_scores
from workbook._files import restore, write_whole
from workbook.claims import Measurement
from workbook.pipelines import Measured, Pipeline, bootstrap_interval, by_score, exact_maxsim, kept_interval, measure
from workbook.quality import load_quality, weights
from workbook.testbeds import Question, Testbed, load_testbed

MASKED_LENGTH = 32


def kept(row: Measured, reference: Measured, where: str) -> Measurement:
    """Share of the reference's quality that a pipeline keeps, with its 95% interval over questions.

    Raises:
        ValueError: as `pipelines.kept_interval`.
    """
    low, high = kept_interval(row, reference)
    return Measurement(row.quality / reference.quality, where, low, high)


def gain(row: Measured, reference: Measured, where: str) -> Measurement:
    """Quality of one pipeline less that of another on the same questions, with its 95% interval.

    Raises:
        ValueError: as `evaluation.paired_test`.
    """
    test = paired_test(row.per_query, reference.per_query)
    return Measurement(test.difference, where, test.low, test.high)


def mean_gain(first: Any, second: Any, where: str, resamples: int = 10_000, seed: int = 0) -> Measurement:
    """Mean of `first - second` over questions, with its 95% bootstrap interval.

    Args:
        first: one number a question.
        second: the same questions for the other system.
        where: as `Measurement`'s.
        resamples: bootstrap samples.
        seed: of these.

    Raises:
        ValueError: not the same number of questions, fewer than two, or numbers that are not finite.
    """
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if one.shape != other.shape or one.ndim != 1 or len(one) < 2:
        raise ValueError(
            f"first and second must be one number for each of at least two questions, got shapes {one.shape} and "
            f"{other.shape}."
        )
    difference = one - other
    if not np.isfinite(difference).all():
        raise ValueError("first and second must be finite numbers.")
    low, high = bootstrap_interval(np.mean, difference, resamples=resamples, seed=seed)
    return Measurement(float(difference.mean()), where, low, high)


def fewer_dimensions(vectors: MultiVectors, dim: int) -> MultiVectors:
    """The first `dim` dimensions of each vector, length 1 again.

    With the bundled late encoder these are the vectors of `load_late(dim=dim)`, because its projection to fewer
    dimensions consists of the leading rows of the projection to 128.

    Raises:
        ValueError: `dim` is not from 1 to the number of dimensions, or a vector has nothing in them.
    """
    if isinstance(dim, bool) or not isinstance(dim, (int, np.integer)) or not 1 <= dim <= vectors.dim:
        raise ValueError(f"dim must be a whole number from 1 to {vectors.dim}, got {dim!r}.")
    cut = vectors.vectors[:, :dim]
    lengths = np.linalg.norm(cut, axis=1, keepdims=True)
    if not lengths.all():
        raise ValueError(f"vector {int(np.argmin(lengths))} is zero in its first {dim} dimensions.")
    return MultiVectors(cut / lengths, vectors.offsets, vectors.ids)


def pair_gain(report: Mapping[str, Any], dataset: str, first: str, second: str) -> Measurement:
    """The difference in nDCG@10 between two systems of `data/models/quality.json`, in either order, with its interval.

    Raises:
        KeyError: the two were not compared there.
    """
    where = "data/models/quality.json"
    for pair in report["sets"][dataset]["pairs"]:
        if (pair["first"], pair["second"]) == (first, second):
            return Measurement(pair["difference"], where, pair["low"], pair["high"])
        if (pair["second"], pair["first"]) == (first, second):
            return Measurement(-pair["difference"], where, -pair["high"], -pair["low"])
    raise KeyError(f"{first!r} and {second!r} were not compared on {dataset!r} in quality.json.")


def masked_queries(testbed: Testbed, length: int = MASKED_LENGTH) -> list[Question]:
    """A test bed's questions filled up to `length` tokens with `[MASK]`, by the bundled late encoder.

    Raises:
        TypeError: the late encoder is not the bundled one.
        ValueError: a question has more tokens than `length`, so that filling up would cut it.
    """
    from lateint_ref.encoders.late import LateEncoder

    late = load_late()
    if not isinstance(late, LateEncoder):
        raise TypeError("this is measured with the bundled late encoder: say LATEINT_PROFILE=bundled.")
    longest = max(len(question.vectors) for question in testbed.questions)
    if longest > length:
        raise ValueError(f"a question has {longest} tokens: take length {longest} or more, got {length}.")
    masked = LateEncoder(late._projection, replace(late.config, query_length=length, query_expansion=True))
    names, texts = zip(*((question.id, question.text) for question in testbed.questions), strict=True)
    vectors = masked.encode_queries(list(texts), list(names))
    return [Question(*parts) for parts in zip(names, texts, vectors, strict=True)]


def query_augmentation(testbed: Testbed, questions: Sequence[Question]) -> Measurement:
    """What other vectors of the same questions change in quality, documents as they are."""
    by_id = {question.id: question.vectors for question in questions}
    exact = exact_maxsim(testbed)
    score = by_score(lambda question: maxsim_scores(by_id[question.id], testbed.documents))
    row = measure(Pipeline("masked", score, exact.bytes_per_document, exact.operations, exact.bytes_read), testbed)
    return gain(row, measure(exact, testbed), "data/measurements/claims.json")


def measure_slow() -> dict[str, Measurement]:
    """All that the command measures: name to measurement."""
    found = {}
    for name in ("handbook", "pages"):
        bed = load_testbed(name, "test")
        longest = max(MASKED_LENGTH, *(len(question.vectors) for question in bed.questions))
        found[f"{name}: masks, gain"] = query_augmentation(bed, masked_queries(bed, longest))
    return found


def measurements_file() -> Path:
    """Where the slow measurements lie: `data/measurements/claims.json`."""
    return data_folder() / "measurements" / "claims.json"


def load_measurements() -> dict[str, Measurement]:
    """What the last `python -m workbook claims` measured.

    Raises:
        FileNotFoundError: it is missing.
        ValueError: not such a file, or measured with other weights than those in `data/models`.
    """
    path = measurements_file()
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: {restore(path)}, or python -m workbook claims")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        read = {name: Measurement(**numbers) for name, numbers in found["measurements"].items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path} is damaged ({error}): {restore(path)}") from error
    if found.get("weights") != weights():
        raise ValueError(f"{path} was measured with other weights than those in data/models: python -m workbook claims")
    return read


def main(command: str, arguments: Sequence[str]) -> int:
    """`python -m workbook claims`: measure what is slow and write `data/measurements/claims.json`."""
    parser = argparse.ArgumentParser(prog=f"python -m workbook {command}", description=__doc__)
    parser.add_argument("--out", type=Path, default=measurements_file(), help="file to write (default: %(default)s)")
    out: Path = parser.parse_args(arguments).out
    load_quality()  # fails early, with its own words, where the weights in data/models are not those that were judged
    found = {
        name: {"value": round(m.value, 4), "where": m.where, "low": round(m.ends[0], 4), "high": round(m.ends[1], 4)}
        for name, m in measure_slow().items()
    }
    stored = {"made by": f"python -m workbook {command}", "weights": weights(), "measurements": found}
    write_whole(out, json.dumps(stored, indent=1) + "\n")
    for name, numbers in found.items():
        print(f"{name}: {numbers['value']:+.3f} ({numbers['low']:+.3f} to {numbers['high']:+.3f})")
    print(f"wrote {out}")
    return 0
