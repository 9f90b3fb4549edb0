"""Exercises of notebook 05, bits. Expected values come from counting on paper, or from loops written out here."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lateint_ref.multivectors import PackedMultiVectors
from workbook.checks._shared import Matrix, random_vectors
from workbook.exercises import NotYet, exercise, expect_close


def _bits(n: int, n_bytes: int, seed: int) -> Matrix:
    return np.random.default_rng(seed).integers(0, 256, (n, n_bytes), dtype=np.uint8)


def _bit(row: Matrix, dimension: int, little: bool = False) -> int:
    place = dimension % 8 if little else 7 - dimension % 8
    return int(row[dimension // 8]) >> place & 1


def _masked(vector: Matrix, row: Matrix, zero: int = 0, little: bool = False) -> float:
    """Sum of the query's values under the ones; `zero=-1` subtracts those under the zeros."""
    return sum(float(value) * (1 if _bit(row, k, little) else zero) for k, value in enumerate(vector))


def _asymmetric(query: Matrix, bits: Matrix, zero: int = 0, little: bool = False) -> float:
    return sum(max(_masked(vector, row, zero, little) for row in bits) for vector in query)


def _hamming(first: Matrix, second: Matrix) -> int:
    return sum(bin(int(a) ^ int(b)).count("1") for a, b in zip(first, second, strict=True))


@exercise(
    "05-1",
    hints=[
        "Write the signs of the query as eight 0s and 1s; four of them are one hexadecimal digit.",
        "a6 is 1010 0110. Count the places where the two differ; the agreement is (8 - count) / 8.",
        "The mask adds the query's values at places 0, 2, 5 and 6. With signs: twice that, less the sum of the query.",
    ],
    shows="Three scores of the same two vectors, in three units: compare the orders that they give, not the numbers.",
)
def _predict(answer: Any) -> None:
    if not isinstance(answer, dict) or set(answer) != {"hex", "agreement", "mask", "signs"}:
        raise NotYet("keep the dictionary in the last line as it is")
    missing = [name for name, value in answer.items() if value is ...]
    if missing:
        raise NotYet(f"{missing[0]} is still to do")
    digits = str(answer["hex"]).lower().removeprefix("0x")
    faults = {
        "35": "those are the bits of the least significant first: dimension 0 counts 128",
        "53": "the ones are where the value is above zero, not below",
        "ca": "the two digits are swapped",
        "172": "that is the byte as a number; give its two digits as a text, in quotes",
    }
    if digits != "ac":
        raise NotYet(
            f"hex: {faults.get(digits, 'write the eight signs down as 0 and 1, then two digits of four bits')}"
        )
    if np.isclose(answer["agreement"], 0.25):
        raise NotYet("agreement: that is the share of dimensions that differ")
    if np.isclose(answer["agreement"], 6):
        raise NotYet("agreement: divide the count by the 8 dimensions")
    expect_close(answer["agreement"], 0.75, what="agreement")
    if np.isclose(answer["mask"], 1.0):
        raise NotYet("mask: those are the query's own ones; the stored bits say which values are added")
    expect_close(answer["mask"], 0.7, what="mask")
    if np.isclose(answer["signs"], 1.4) or np.isclose(answer["signs"], 1.3):
        raise NotYet("signs: twice the mask score, less the sum of the query, which is negative here")
    expect_close(answer["signs"], 1.5, what="signs")


@exercise(
    "05-2",
    hints=[
        "bytes.fromhex(text) gives the bytes of one string; np.frombuffer(..., np.uint8) makes an array of them.",
        "np.unpackbits(matrix, axis=1) turns (n_d, dim / 8) bytes into (n_d, dim) zeros and ones.",
        "float((query @ masks.T).max(axis=1).sum()) with masks of dtype float32.",
    ],
    shows="What the engine stores is enough to recompute its score.",
)
def _score_hex(answer: Callable[..., Any]) -> None:
    for n_q, n_d, n_bytes in ((1, 1, 1), (5, 7, 4), (3, 20, 16)):
        query, bits = random_vectors(n_q, 8 * n_bytes, seed=n_d), _bits(n_d, n_bytes, seed=n_q)
        got = answer(query.copy(), [row.tobytes().hex() for row in bits])
        wanted = _asymmetric(query, bits)
        value = np.asarray(got, dtype=np.float64)
        if value.shape == () and not np.isclose(value, wanted, 1e-4, 1e-4):
            backwards = sum(max(_masked(vector, row) for vector in query) for row in bits)
            faults = [
                (_asymmetric(query, bits, zero=-1), "the zeros count as -1 here; the mask counts them as 0"),
                (
                    _asymmetric(query, bits, little=True),
                    "each byte is read backwards: its first bit is the 128s",
                ),
                (
                    sum(max(0.0, *(_masked(v, r) for r in bits)) for v in query),
                    "a maximum starts at 0 here",
                )
                if n_d > 1
                else (np.nan, ""),
                (backwards, "the maximum runs over query vectors; it belongs over the document's"),
                (wanted / n_q, "is a mean over query vectors; it should be their sum"),
            ]
            for fault, words in faults:
                if np.isclose(value, fault, 1e-4, 1e-4):
                    raise NotYet(f"the score: {words}")
        expect_close(got, wanted, what="the score")


@exercise(
    "05-3",
    hints=[
        "query_bits[:, None] ^ document_bits[None] is (n_q, n_d, dim / 8): the bits that differ, byte by byte.",
        "np.bitwise_count counts the ones of each byte; sum over the last axis. The angle is pi * h / dim.",
        "np.cos(np.pi * h / (8 * query_bits.shape[1]))",
    ],
    shows="16 bytes a vector still know the angle, to within some degrees.",
)
def _cosines(answer: Callable[..., Any]) -> None:
    for n_q, n_d, n_bytes in ((2, 3, 2), (4, 4, 16)):
        query_bits, bits = _bits(n_q, n_bytes, seed=n_bytes), _bits(n_d, n_bytes, seed=n_bytes + 1)
        bits[0], bits[1] = query_bits[0], ~query_bits[0]
        h = np.array([[_hamming(a, b) for b in bits] for a in query_bits], dtype=np.float64)
        dim = 8 * n_bytes
        wanted = np.array([[math.cos(math.pi * count / dim) for count in row] for row in h])
        got = np.asarray(answer(query_bits.copy(), bits.copy()))
        if got.shape == wanted.shape and got.dtype.kind == "f" and not np.allclose(got, wanted, 1e-4, 1e-4):
            faults = [
                (
                    np.cos(np.pi * h / n_bytes),
                    "divide by the number of dimensions: 8 times the bytes",
                ),
                (1 - h / dim, "that is the agreement; the cosine is that of the angle pi * h / dim"),
                (
                    1 - 2 * h / dim,
                    "that is the cosine of the sign vectors; the angle between the vectors is pi * h / dim",
                ),
                (np.pi * h / dim, "those are the angles; their cosine is asked for"),
                (np.cos(h / dim), "the angle is pi times the share of differing dimensions"),
                (np.cos(180 * h / dim), "np.cos takes radians: pi, not 180"),
            ]
            for values, words in faults:
                if np.allclose(got, values, 1e-4, 1e-4):
                    raise NotYet(words)
        expect_close(got, wanted, what="the cosines")


@exercise(
    "05-4",
    hints=[
        "binarize(query) makes the symmetric query. np.argsort(-scores, kind='stable') keeps ties in order.",
        "candidates = positions of the depth best; documents.take(candidates) is a collection of those alone.",
        "Score that collection with maxsim_asymmetric_scores, sort again, and map back: candidates[order[:k]].",
    ],
    shows="Two passes over the same bytes: the dear score is paid for the candidates only.",
)
def _in_turn(answer: Callable[..., Any]) -> None:
    for seed, (n_docs, depth, k) in enumerate(((30, 8, 3), (30, 30, 5), (12, 4, 4), (6, 9, 6))):
        query = random_vectors(4, 16, seed=100 + seed)
        matrices = [_bits(1 + place % 4, 2, seed=200 + 50 * seed + place) for place in range(n_docs)]
        query_bits = np.packbits(query > 0, axis=1)
        coarse = [sum(min(_hamming(a, b) for b in bits) for a in query_bits) for bits in matrices]
        fine = [_asymmetric(query, bits) for bits in matrices]
        candidates = sorted(range(n_docs), key=lambda place: coarse[place])[:depth]
        wanted = sorted(sorted(candidates), key=lambda place: -round(fine[place], 4))[:k]
        given = answer(query.copy(), PackedMultiVectors.from_list(matrices), depth, k)
        if not isinstance(given, (list, tuple, np.ndarray)):
            raise NotYet(f"return positions, the best first; this is a {type(given).__name__}")
        got = np.asarray(given)
        if got.ndim != 1 or got.dtype.kind not in "iu":
            raise NotYet(f"return a row of whole numbers, got shape {got.shape}, {got.dtype}")
        # Of documents with the same fine score, any order is as good.
        valid = len(got) == len(wanted) == len(set(got.tolist())) and set(got.tolist()) <= set(candidates)
        if valid and np.allclose([fine[p] for p in got], [fine[p] for p in wanted], 0, 1e-4):
            continue
        if len(got) != len(wanted):
            raise NotYet(f"{len(got)} positions, but {len(wanted)} were asked for")
        everything = sorted(range(n_docs), key=lambda place: -fine[place])[:k]
        among = sorted(range(len(candidates)), key=lambda place: -fine[candidates[place]])[:k]
        faults = [
            (everything, "all documents were scored asymmetrically; only the candidates should be"),
            (candidates[:k], "the order is the first pass's; the second should decide"),
            (among, "those are places in the list of candidates; map them back to positions in the collection"),
            (wanted[::-1], "the order is reversed: the best comes first"),
        ]
        for values, words in faults:
            if got.tolist() == list(values):
                raise NotYet(words)
        if not set(got.tolist()) <= set(candidates):
            raise NotYet(
                f"position {next(p for p in got.tolist() if p not in candidates)} is none of the {depth} candidates"
            )
        raise NotYet(f"the positions are {got.tolist()}, but should be {wanted}")
