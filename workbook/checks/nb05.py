"""Checkers of notebook 05, bits. Expected values come from counting on paper, or from loops."""

from __future__ import annotations

from typing import Any

import numpy as np

from lateint_ref.multivectors import PackedMultiVectors
from workbook.checks._shared import Matrix, random_vectors
from workbook.exercises import Answer, NotYet, exercise, expect_close, expect_list, rule_out


def _bytes(n: int, n_bytes: int, seed: int) -> Matrix:
    return np.random.default_rng(seed).integers(0, 256, (n, n_bytes), dtype=np.uint8)


def _masked(vector: Matrix, row: Matrix, zero: int = 0, little: bool = False) -> float:
    """Sum of the query's values under the ones; `zero=-1` subtracts those under the zeros."""
    bits = "".join(f"{byte:08b}"[:: -1 if little else 1] for byte in row.tolist())
    return sum(float(value) * (1 if bit == "1" else zero) for value, bit in zip(vector, bits, strict=True))


def _asymmetric(query: Matrix, bits: Matrix, zero: int = 0, little: bool = False, start: float = -np.inf) -> float:
    return sum(max(start, *(_masked(vector, row, zero, little) for row in bits)) for vector in query)


def _hamming(first: Matrix, second: Matrix) -> int:
    return sum(bin(int(a) ^ int(b)).count("1") for a, b in zip(first, second, strict=True))


@exercise(
    "05-1", "Three scores of the same two vectors, in three units: compare the orders that they give, not the numbers."
)
def _predict(answer: Any) -> None:
    if not isinstance(answer, dict) or set(answer) != {"hex", "agreement", "mask", "signs"}:
        raise NotYet("keep the dictionary in the last line as it is")
    for name, value in answer.items():
        if value is ...:
            raise NotYet(f"{name} is still to do")
    digits = str(answer["hex"]).lower().removeprefix("0x")
    faults = {
        "35": "those are the bits of the least significant first: dimension 0 counts 128",
        "53": "the ones are where the value is above zero, not below",
        "ca": "the two digits are swapped",
        "172": "that is the byte as a number; give its two digits as a text, in quotes",
    }
    if digits != "ac":
        advice = "write the eight signs down as 0 and 1, then two digits of four bits"
        raise NotYet(f"hex: {faults.get(digits, advice)}")
    share, count = "agreement: that is the share of dimensions that differ", "agreement: divide by the 8 dimensions"
    own = "mask: those are the query's own ones; the stored bits say which values are added"
    twice = "signs: twice the mask score, less the sum of the query, which is negative here"
    expect_close(answer["agreement"], 0.75, what="agreement", faults=[(0.25, share), (6, count)])
    expect_close(answer["mask"], 0.7, what="mask", faults=[(1.0, own)])
    expect_close(answer["signs"], 1.5, what="signs", faults=[(1.4, twice), (1.3, twice)])


@exercise("05-2", "What the engine stores is enough to recompute its score.")
def _score_hex(answer: Answer) -> None:
    for n_q, n_d, n_bytes in ((1, 1, 1), (5, 7, 4), (3, 20, 16)):
        query, bits = random_vectors(n_q, 8 * n_bytes, seed=n_d), _bytes(n_d, n_bytes, seed=n_q)
        wanted = _asymmetric(query, bits)
        faults = [
            (_asymmetric(query, bits, zero=-1), "the zeros count as -1 here; the mask counts them as 0"),
            (_asymmetric(query, bits, little=True), "each byte is read backwards: its first bit is the 128s"),
            (_asymmetric(query, bits, start=0.0) if n_d > 1 else np.nan, "a maximum starts at 0 here"),
            (
                sum(max(_masked(vector, row) for vector in query) for row in bits),
                "the maximum runs over query vectors; it belongs over the document's",
            ),
            (wanted / n_q, "is a mean over query vectors; it should be their sum"),
        ]
        got = answer(query.copy(), [row.tobytes().hex() for row in bits])
        expect_close(got, wanted, what="the score", faults=[(value, f"the score: {words}") for value, words in faults])


@exercise("05-3", "16 bytes a vector still know the angle, to within some degrees.")
def _cosines(answer: Answer) -> None:
    for n_q, n_d, n_bytes in ((2, 3, 2), (4, 4, 16)):
        query_bits, bits = _bytes(n_q, n_bytes, seed=n_bytes), _bytes(n_d, n_bytes, seed=n_bytes + 1)
        bits[0], bits[1] = query_bits[0], ~query_bits[0]
        h, dim = np.array([[float(_hamming(a, b)) for b in bits] for a in query_bits]), 8 * n_bytes
        faults = [
            (np.cos(np.pi * h / n_bytes), "divide by the number of dimensions: 8 times the bytes"),
            (1 - h / dim, "that is the agreement; the cosine is that of the angle pi * h / dim"),
            (
                1 - 2 * h / dim,
                "that is the cosine of the sign vectors; the angle between the vectors is pi * h / dim",
            ),
            (np.pi * h / dim, "those are the angles; their cosine is asked for"),
            (np.cos(h / dim), "the angle is pi times the share of differing dimensions"),
            (np.cos(180 * h / dim), "np.cos takes radians: pi, not 180"),
        ]
        got = answer(query_bits.copy(), bits.copy())
        expect_close(got, np.cos(np.pi * h / dim), what="the cosines", faults=faults)


@exercise("05-4", "Two passes over the same bytes: the dear score is paid for the candidates only.")
def _in_turn(answer: Answer) -> None:
    for seed, (n_docs, depth, k) in enumerate(((30, 8, 3), (30, 30, 5), (12, 4, 4), (6, 9, 6))):
        query = random_vectors(4, 16, seed=100 + seed)
        matrices = [_bytes(1 + place % 4, 2, seed=200 + 50 * seed + place) for place in range(n_docs)]
        query_bits = np.packbits(query > 0, axis=1)
        coarse = [sum(min(_hamming(a, b) for b in bits) for a in query_bits) for bits in matrices]
        fine = [_asymmetric(query, bits) for bits in matrices]
        candidates = sorted(range(n_docs), key=lambda place: coarse[place])[:depth]
        wanted = sorted(sorted(candidates), key=lambda place: -round(fine[place], 4))[:k]
        given = answer(query.copy(), PackedMultiVectors.from_list(matrices), depth, k)
        positions = np.asarray(expect_list(given, "positions, the best first"))
        if positions.ndim != 1 or positions.dtype.kind not in "iu":
            raise NotYet(f"return a row of whole numbers, got shape {positions.shape}, {positions.dtype}")
        got = positions.tolist()
        if len(got) != len(wanted):
            raise NotYet(f"{len(got)} positions, but {len(wanted)} were asked for")
        strangers = [place for place in got if place not in candidates]
        distinct = not strangers and len(set(got)) == len(got)
        # Of documents with the same fine score, any order is as good.
        if distinct and np.allclose([fine[place] for place in got], [fine[place] for place in wanted], 0, 1e-4):
            continue
        everything = sorted(range(n_docs), key=lambda place: -fine[place])[:k]
        among = sorted(range(len(candidates)), key=lambda place: -fine[candidates[place]])[:k]
        faults = [
            (everything, "all documents were scored asymmetrically; only the candidates should be"),
            (candidates[:k], "the order is the first pass's; the second should decide"),
            (among, "those are places in the list of candidates; map them back to positions in the collection"),
            (wanted[::-1], "the order is reversed: the best comes first"),
        ]
        rule_out(got, faults)
        if strangers:
            raise NotYet(f"position {strangers[0]} is none of the {depth} candidates")
        raise NotYet(f"the positions are {got}, but should be {wanted}")
