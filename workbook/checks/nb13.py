"""Exercises of notebook 13, training. Expected values come from loops written out here, or from paper."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from workbook.exercises import NotYet, exercise, expect_array, expect_close

STUDENT = [[2.0, 1.0, 0.5, -0.5], [0.3, 0.9, 0.1, 0.0], [1.0, 0.8, 0.9, 0.7]]
TEACHER = [[1.5, 1.4, 0.0, -1.0], [1.2, 0.2, 0.4, 0.1], [0.5, 0.6, 0.1, 0.9]]
# Best first for the three questions: 4 1 0 3 2, 0 2 4 1 3, 3 4 2 0 1.
SEARCH = np.array([[0.6, 0.8, 0.1, 0.3, 0.9], [0.9, 0.3, 0.8, 0.2, 0.4], [0.5, 0.1, 0.6, 0.9, 0.7]])
KNOWN = np.array([[0, 1, 0, 0, 1], [1, 0, 0, 0, 0], [0, 0, 0, 0, 1]], dtype=bool)


@exercise(
    "13-1",
    hints=[
        "Divide by the temperature: 7, 8, 6. Subtract the answer's 7 from all three.",
        "The powers are e^0 = 1, e^1 and e^-1. Add them up: the answer's probability is 1 over that sum.",
        "The loss is the natural logarithm of the sum, about 4.09.",
    ],
    shows="A sibling above the answer costs more than the ln 3 of knowing nothing.",
)
def _loss_by_hand(answer: Any) -> None:
    got = float(expect_array(answer, shape=(), what="the loss"))
    total = 1 + math.e + 1 / math.e
    mild = 1 + math.exp(0.1) + math.exp(-0.1)
    faults = [
        (-math.log(total), "the loss has the wrong sign: the logarithm of a probability is negative, the loss is not"),
        (1 / total, "that is the answer's probability; the loss is minus its logarithm"),
        (total, "that is the sum of the powers; take its logarithm"),
        (math.log10(total), "that is the logarithm to base 10; take the natural one"),
        (math.log2(total), "that is the logarithm to base 2; take the natural one"),
        (math.log(mild), "the temperature is missing: divide the scores by 0.1 first"),
        (math.log(total) - 1, "that is the loss if the sibling were the answer; the answer has 0.70"),
        (math.log(total) + 1, "that is the loss if the third passage were the answer; the answer has 0.70"),
        (math.log(total - 1), "the answer belongs in the sum of the powers, too"),
    ]
    for value, words in faults:
        if abs(got - value) < 0.006:
            raise NotYet(words)
    if abs(got - math.log(total)) > 0.0061:
        raise NotYet("the loss is off. Write down the three powers of e, and their sum")


def _softmax(row: list[float], temperature: float) -> list[float]:
    powers = [math.exp(value / temperature) for value in row]
    return [power / sum(powers) for power in powers]


def _divergences(student: list[list[float]], teacher: list[list[float]], t_student: float, t_teacher: float) -> Any:
    """KL(teacher || student) of each question, by loops."""
    found = []
    for ours, theirs in zip(student, teacher, strict=True):
        q, p = _softmax(ours, t_student), _softmax(theirs, t_teacher)
        found.append(sum(b * (math.log(b) - math.log(a)) for a, b in zip(q, p, strict=True)))
    return np.array(found)


def _number(value: Any) -> Any:
    return value.detach().numpy() if hasattr(value, "detach") else value


@exercise(
    "13-2",
    hints=[
        "functional.log_softmax(student / temperature, dim=1), and the same for the teacher.",
        "KL is the sum over candidates of P (ln P - ln p), with the teacher's P in front; then a mean over questions.",
        "functional.kl_div(student_log, teacher_log, log_target=True, reduction='batchmean')",
    ],
    shows="The student's logarithms come first, the teacher's distribution weighs them.",
)
def _distillation(answer: Callable[..., Any]) -> None:
    import torch

    for temperature in (0.7, 2.0):
        student = torch.tensor(STUDENT, requires_grad=True)
        result = answer(student, torch.tensor(TEACHER), temperature)
        got = _number(result)
        each = _divergences(STUDENT, TEACHER, temperature, temperature)
        swapped = _divergences(TEACHER, STUDENT, temperature, temperature)
        bare = _divergences(STUDENT, TEACHER, 1.0, 1.0)
        entropy = [-sum(p * math.log(p) for p in _softmax(row, temperature)) for row in TEACHER]
        faults = [
            (each, "the result holds one divergence a question; take their mean"),
            (each.sum(), "the divergences are summed over questions; take their mean"),
            (each.mean() / 4, "that is a mean over all elements (kl_div's default): sum over candidates, then a mean"),
            (-each.mean(), "the divergence has the wrong sign; it is never negative"),
            (swapped.mean(), "that is KL(student || teacher): the two are swapped"),
            (swapped.mean() / 4, "the two are swapped, and the mean runs over all elements"),
            (bare.mean(), "the temperature is missing: divide both by it"),
            (bare.mean() / 4, "the temperature is missing, and the mean runs over all elements"),
            (
                _divergences(STUDENT, TEACHER, temperature, 1.0).mean(),
                "only the student's scores are divided by the temperature; divide the teacher's, too",
            ),
            (
                _divergences(STUDENT, TEACHER, 1.0, temperature).mean(),
                "only the teacher's scores are divided by the temperature; divide the student's, too",
            ),
            (
                _divergences(STUDENT, TEACHER, 1 / temperature, 1 / temperature).mean(),
                "the scores are multiplied by the temperature; divide by it",
            ),
            (
                (each + entropy).mean(),
                "that is the cross-entropy with the teacher: subtract the teacher's entropy (the P ln P is missing)",
            ),
        ]
        for values, words in faults:
            if np.shape(got) == np.shape(values) and np.allclose(got, values, 1e-4, 1e-5):
                raise NotYet(words)
        expect_close(got, each.mean(), what="the divergence")
        if not getattr(result, "requires_grad", False):
            raise NotYet("the number is right, but no gradient can flow from it to the student: return a tensor")


@exercise(
    "13-3",
    hints=[
        "A known passage must never come up. Give it a score that loses against every other.",
        "np.where(known, -np.inf, scores) makes a new array.",
        "np.argsort(-masked, axis=1)[:, :count]",
    ],
    shows="The best-ranked passages of a search are where the hard negatives are, and the positives, too.",
)
def _hard_negatives(answer: Callable[..., Any]) -> None:
    for scores in (SEARCH, SEARCH - 2.0):  # a zero in place of minus infinity wins where scores are negative
        for count in (2, 1, 3):
            given, known = scores.copy(), KNOWN.copy()
            got = answer(given, known, count)
            if not (np.array_equal(given, scores) and np.array_equal(known, KNOWN)):
                raise NotYet("an array that was handed in was changed in place; its owner may need it. Make a copy")
            wanted = [
                sorted((c for c in range(5) if not KNOWN[row, c]), key=lambda c: -scores[row, c])[:count]
                for row in range(3)
            ]
            rows = expect_array(got, shape=(3, count), what="the result")
            if rows.dtype.kind not in "iu":
                raise NotYet("the result should hold the passages' column numbers, integers, and not their scores")
            if np.array_equal(rows, wanted):
                continue
            if ((rows < 0) | (rows > 4)).any():
                raise NotYet("a column number is outside the array")
            if np.array_equal(rows, np.argsort(-scores, axis=1)[:, :count]):
                raise NotYet("known positives are among them: `known` is not used")
            if np.take_along_axis(KNOWN, rows, axis=1).all():
                raise NotYet("these are the known positives; take the others")
            if np.take_along_axis(KNOWN, rows, axis=1).any():
                raise NotYet(
                    "a known positive is among them. All that is known must lose, not only the best; and 0 is not low "
                    "enough where scores are negative"
                )
            if np.array_equal(np.sort(rows), np.sort(wanted)):
                raise NotYet("the right passages, but not best first")
            raise NotYet("these are not the best-ranked ones: a negative is hard where its score is high")
