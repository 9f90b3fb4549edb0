"""Checkers of notebook 13, training. Expected values come from loops, or from paper."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from workbook.checks._shared import judge_number
from workbook.exercises import Answer, NotYet, exercise, expect_array, expect_close, rule_out


@exercise("13-1", "A sibling above the answer costs more than the ln 3 of knowing nothing.")
def _loss_by_hand(answer: Any) -> None:
    total = 1 + math.e + 1 / math.e
    loss = math.log(total)
    faults = [
        (-loss, "the loss has the wrong sign: the logarithm of a probability is negative, the loss is not"),
        (1 / total, "that is the answer's probability; the loss is minus its logarithm"),
        (total, "that is the sum of the powers; take its logarithm"),
        (math.log10(total), "that is the logarithm to base 10; take the natural one"),
        (math.log2(total), "that is the logarithm to base 2; take the natural one"),
        (math.log(1 + math.exp(0.1) + math.exp(-0.1)), "the temperature is missing: divide the scores by 0.1 first"),
        (loss - 1, "that is the loss if the sibling were the answer; the answer has 0.70"),
        (loss + 1, "that is the loss if the third passage were the answer; the answer has 0.70"),
        (math.log(total - 1), "the answer belongs in the sum of the powers, too"),
    ]
    judge_number(answer, loss, faults, "the loss is off. Write down the three powers of e, and their sum", "the loss")


STUDENT = [[2.0, 1.0, 0.5, -0.5], [0.3, 0.9, 0.1, 0.0], [1.0, 0.8, 0.9, 0.7]]
TEACHER = [[1.5, 1.4, 0.0, -1.0], [1.2, 0.2, 0.4, 0.1], [0.5, 0.6, 0.1, 0.9]]


def _softmax(row: list[float], temperature: float) -> list[float]:
    powers = [math.exp(value / temperature) for value in row]
    return [power / sum(powers) for power in powers]


def _divergences(student: list[list[float]], teacher: list[list[float]], t_student: float, t_teacher: float) -> Any:
    """KL(teacher || student) of each question, by loops."""
    found = []
    for ours, theirs in zip(student, teacher, strict=True):
        pairs = zip(_softmax(ours, t_student), _softmax(theirs, t_teacher), strict=True)
        found.append(sum(p * (math.log(p) - math.log(q)) for q, p in pairs))
    return np.array(found)


@exercise("13-2", "The student's logarithms come first, the teacher's distribution weighs them.")
def _distillation(answer: Answer) -> None:
    import torch

    for t in (0.7, 2.0):
        result = answer(torch.tensor(STUDENT, requires_grad=True), torch.tensor(TEACHER), t)
        each = _divergences(STUDENT, TEACHER, t, t)
        swapped = _divergences(TEACHER, STUDENT, t, t).mean()
        bare = _divergences(STUDENT, TEACHER, 1.0, 1.0).mean()
        crossed = np.mean(each + [-sum(p * math.log(p) for p in _softmax(row, t)) for row in TEACHER])
        halves = [_divergences(STUDENT, TEACHER, *pair).mean() for pair in ((t, 1.0), (1.0, t))]
        multiplied = _divergences(STUDENT, TEACHER, 1 / t, 1 / t).mean()
        only = "only the {}'s scores are divided by the temperature; divide the {}'s, too".format
        faults = [
            (each, "the result holds one divergence a question; take their mean"),
            (each.sum(), "the divergences are summed over questions; take their mean"),
            (each.mean() / 4, "that is a mean over all elements (kl_div's default): sum over candidates, then a mean"),
            (-each.mean(), "the divergence has the wrong sign; it is never negative"),
            (swapped, "that is KL(student || teacher): the two are swapped"),
            (swapped / 4, "the two are swapped, and the mean runs over all elements"),
            (bare, "the temperature is missing: divide both by it"),
            (bare / 4, "the temperature is missing, and the mean runs over all elements"),
            (halves[0], only("student", "teacher")),
            (halves[1], only("teacher", "student")),
            (multiplied, "the scores are multiplied by the temperature; divide by it"),
            (crossed, "that is the cross-entropy with the teacher: subtract the teacher's entropy (P ln P is missing)"),
        ]
        got = result.detach().numpy() if hasattr(result, "detach") else result
        expect_close(got, each.mean(), what="the divergence", faults=faults)
        if not getattr(result, "requires_grad", False):
            raise NotYet("the number is right, but no gradient can flow from it to the student: return a tensor")


# Best first for the three questions: 4 1 0 3 2, 0 2 4 1 3, 3 4 2 0 1.
SEARCH = np.array([[0.6, 0.8, 0.1, 0.3, 0.9], [0.9, 0.3, 0.8, 0.2, 0.4], [0.5, 0.1, 0.6, 0.9, 0.7]])
KNOWN = np.array([[0, 1, 0, 0, 1], [1, 0, 0, 0, 0], [0, 0, 0, 0, 1]], dtype=bool)
NEGATIVES = [[0, 3, 2], [2, 4, 1, 3], [3, 2, 0, 1]]


@exercise("13-3", "The best-ranked passages of a search are where the hard negatives are, and the positives, too.")
def _hard_negatives(answer: Answer) -> None:
    for scores in (SEARCH, SEARCH - 2.0):  # a zero in place of minus infinity wins where scores are negative
        for count in (2, 1, 3):
            given, known = scores.copy(), KNOWN.copy()
            got = answer(given, known, count)
            if not (np.array_equal(given, scores) and np.array_equal(known, KNOWN)):
                raise NotYet("an array that was handed in was changed in place; its owner may need it. Make a copy")
            wanted = np.array([best[:count] for best in NEGATIVES])
            rows = expect_array(got, shape=(3, count), what="the result")
            if rows.dtype.kind not in "iu":
                raise NotYet("the result should hold the passages' column numbers, integers, and not their scores")
            if np.array_equal(rows, wanted):
                continue
            if ((rows < 0) | (rows > 4)).any():
                raise NotYet("a column number is outside the array")
            unused = "known positives are among them: `known` is not used"
            rule_out(rows, [(np.argsort(-scores, axis=1)[:, :count], unused)])
            positives = np.take_along_axis(KNOWN, rows, axis=1)
            if positives.all():
                raise NotYet("these are the known positives; take the others")
            if positives.any():
                raise NotYet(
                    "a known positive is among them. All that is known must lose, not only the best; and 0 is not low "
                    "enough where scores are negative"
                )
            if np.array_equal(np.sort(rows), np.sort(wanted)):
                raise NotYet("the right passages, but not best first")
            raise NotYet("these are not the best-ranked ones: a negative is hard where its score is high")
