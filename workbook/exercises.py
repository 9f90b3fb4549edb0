"""Exercises of the notebooks: check an answer in words, give hints one at a time.

In a notebook, in a cell tagged `exercise`:

    def my_maxsim(query, document):
        ...            # your code here
    exercises.check("02-1", my_maxsim)

A checker is a function in `workbook/checks/nb02.py`: it is given the answer and compares what it yields
with values of the checker's own, through the `expect_*` functions below.

    @exercise("02-1", hints=["Start from the similarity matrix."], shows="MaxSim needs one matrix product.")
    def _(answer):
        expect_close(answer(QUERY, DOCUMENT), 1.4, what="the score", count=2)
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Checker = Callable[[Any], object]


@dataclass
class Exercise:
    """One registered exercise and how many of its hints have been shown."""

    name: str
    checker: Checker
    hints: Sequence[str]
    shows: str
    hints_shown: int = 0


_REGISTRY: dict[str, Exercise] = {}


class NotYet(Exception):  # noqa: N818 (a verdict on an answer, not an error of the program)
    """Raised by a checker; its message tells the learner what is wrong."""


class _NotAttempted(Exception):  # noqa: N818
    """The answer is still the placeholder."""


def exercise(name: str, *, hints: Sequence[str] = (), shows: str = "") -> Callable[[Checker], Checker]:
    """Register the decorated function as the checker of an exercise.

    Args:
        name: notebook and number, as `02-1`.
        hints: shown one at a time, from a nudge to nearly the answer.
        shows: one sentence, printed when the answer passes, on what it shows.

    Returns:
        The decorator; it returns the checker unchanged.

    Raises:
        ValueError: another checker has that name.
    """

    def register(checker: Checker) -> Checker:
        known = _REGISTRY.get(name)
        # Running the same file again (autoreload, a notebook cell) replaces its checkers.
        if known is not None and known.checker.__module__ != checker.__module__:
            raise ValueError(f"exercise {name!r} is already registered by {known.checker.__module__}")
        _REGISTRY[name] = Exercise(name, checker, hints, shows)
        return checker

    return register


def check(name: str, answer: Any) -> None:
    """Check an answer and print the verdict: not attempted yet, not yet and why, or passed.

    Args:
        name: the exercise, as `02-1`.
        answer: what the exercise asks for, a function or a value.

    Raises:
        ValueError: there is no such exercise. Nothing is raised on account of the answer.
    """
    found = _find(name)
    try:
        if _blank(answer):
            raise _NotAttempted
        found.checker(_watch(answer) if callable(answer) else answer)
    except _NotAttempted:
        verdict = "not attempted yet"
    except NotYet as fault:
        verdict = f"not yet: {fault}"
    except Exception as error:  # an answer of an odd type can trip the checker itself: still not the learner's stop
        verdict = f"not yet: the answer could not be compared ({type(error).__name__}: {error})"
    else:
        verdict = f"passed. {found.shows}".rstrip()
    print(f"Exercise {name}: {verdict}")


def hint(name: str) -> None:
    """Print the next hint of an exercise; after the last one, where the solution is.

    Args:
        name: the exercise, as `02-1`.

    Raises:
        ValueError: there is no such exercise.
    """
    found = _find(name)
    if found.hints_shown < len(found.hints):
        found.hints_shown += 1
        count = f"{found.hints_shown} of {len(found.hints)}"
        print(f"Exercise {name}, hint {count}: {found.hints[found.hints_shown - 1]}")
    else:
        print(f"Exercise {name}: no more hints. The solution is in notebooks/solutions/{name[:2]}.py.")


def _find(name: str) -> Exercise:
    """Look an exercise up, loading the checkers of its notebook on first use."""
    from workbook import checks as checkers

    module = f"nb{name[:2]}"
    if name not in _REGISTRY and any(found.name == module for found in pkgutil.iter_modules(checkers.__path__)):
        importlib.import_module(f"workbook.checks.{module}")
    if name not in _REGISTRY:
        known = ", ".join(sorted(other for other in _REGISTRY if other[:2] == name[:2])) or "none"
        raise ValueError(f"there is no exercise {name!r}; exercises of this notebook: {known}")
    return _REGISTRY[name]


def _blank(answer: Any) -> bool:
    """Whether an answer is what the notebook ships: nothing, `...`, or a dictionary of nothing else."""
    if isinstance(answer, dict):
        return all(value is ... for value in answer.values())
    return answer is None or answer is ...


def _watch(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a learner's function: a placeholder result means not attempted, an exception becomes words."""

    def watched(*args: Any, **kwargs: Any) -> Any:
        try:
            result = function(*args, **kwargs)
        except Exception as error:
            if "ellipsis" in str(error):  # a `...` left in the middle was used as if it were a value
                raise _NotAttempted from None
            raise NotYet(f"your function raised {type(error).__name__}: {error}") from None
        if result is None or result is ...:
            raise _NotAttempted
        return result

    return watched


def expect_array(got: Any, *, shape: tuple[int, ...], dtype: Any = None, what: str = "the result") -> np.ndarray:
    """Require an array of a given shape, and of a given dtype where one is named.

    Args:
        got: the answer's value.
        shape: required shape.
        dtype: required dtype, or None for any.
        what: what the value is, for the message.

    Returns:
        The value as an array.

    Raises:
        NotYet: the value is not such an array.
    """
    has, be = ("have", "are") if _plural(what) else ("has", "is")
    try:
        array = np.asarray(got)
    except ValueError:
        raise NotYet(f"{what} {has} rows of different lengths; it should be an array of shape {shape}") from None
    if array.dtype == object:
        if any(value is ... for value in array.ravel()):
            raise NotYet(f"{what} still {'hold' if _plural(what) else 'holds'} a `...`: fill in every part")
        raise NotYet(f"{what} should be an array of numbers with shape {shape}, but {be} a {type(got).__name__}")
    if array.dtype.kind in "US":  # a single text makes texts of the numbers beside it, so look at what was given
        text = next(value for value in np.array(got, dtype=object).ravel() if isinstance(value, (str, bytes)))
        raise NotYet(f"{what} should hold numbers, but {text!r} is a text")
    if array.shape != shape:
        turned = len(shape) > 1 and array.shape == shape[::-1]
        remark = ": it is transposed" if turned else ""
        if not turned and len(array.shape) == len(shape):
            off = [axis for axis in range(len(shape)) if abs(array.shape[axis] - shape[axis]) == 1]
            same = sum(a == b for a, b in zip(array.shape, shape, strict=True))
            remark = f": axis {off[0]} is off by one" if len(off) == 1 and same == len(shape) - 1 else ""
        raise NotYet(f"{what} {has} shape {array.shape}, but should have shape {shape}{remark}")
    if dtype is not None and array.dtype != np.dtype(dtype):
        raise NotYet(f"{what} {has} dtype {array.dtype}, but should have dtype {np.dtype(dtype)}")
    return array


def expect_unit_length(got: Any, *, what: str = "the vectors", tolerance: float = 1e-4) -> None:
    """Require that every vector along the last axis has length 1.

    Args:
        got: the answer's value.
        what: what the value is, for the message.
        tolerance: largest difference from 1 that passes.

    Raises:
        NotYet: a vector has another length.
    """
    lengths = np.linalg.norm(np.asarray(got, dtype=np.float64), axis=-1).ravel()
    worst = int(np.argmax(np.abs(lengths - 1)))
    if abs(lengths[worst] - 1) > tolerance:
        raise NotYet(f"{what} should have length 1 after normalisation, but one has length {lengths[worst]:.3g}")


def expect_close(
    got: Any,
    expected: Any,
    *,
    what: str = "the result",
    dtype: Any = None,
    count: int | None = None,
    tolerance: float = 1e-4,
) -> None:
    """Require values close to the expected ones, and name the common fault where there is one.

    Args:
        got: the answer's value.
        expected: what it should be, from a source independent of the answer; a number or an array.
        what: what the value is, for the message.
        dtype: required dtype, or None for any.
        count: how many terms are summed up, if the expected value is a sum: tells a mean from a sum.
        tolerance: largest difference that passes, absolute and relative to the expected value.

    Raises:
        NotYet: the values differ.
    """
    wanted = np.asarray(expected)
    array = expect_array(got, shape=wanted.shape, dtype=dtype, what=what)

    def close(values: Any, target: Any) -> bool:
        return np.shape(values) == np.shape(target) and np.allclose(values, target, tolerance, tolerance)

    has, be = ("have", "are") if _plural(what) else ("has", "is")
    if array.dtype.kind not in "biuf":
        raise NotYet(f"{what} should hold numbers, but {has} dtype {array.dtype}")
    if close(array, wanted):
        return
    values, target = array.astype(np.float64), wanted.astype(np.float64)
    if np.isnan(values).any():
        raise NotYet(f"{what} {'hold' if _plural(what) else 'holds'} NaN: is something divided by zero?")
    a_mean, a_sum = ("means", "sums") if _plural(what) else ("a mean", "a sum")
    they = "they" if _plural(what) else "it"
    # Each common fault, and what the values look like if it was made.
    faults: list[tuple[bool, str]] = [
        (close(-values, target), f"{has} the wrong sign"),
        (
            count is not None and count > 1 and close(values * (count or 1), target),
            f"{be} {a_mean}; {they} should be {a_sum}",
        ),
        (
            count is not None and count > 1 and close(values, target * (count or 1)),
            f"{be} {a_sum}; {they} should be {a_mean}",
        ),
        (close(values - 1, target) or close(values + 1, target), f"{be} off by one everywhere"),
        (target.ndim > 1 and close(values.T, target), f"{be} transposed"),
        (target.ndim > 0 and close(values[::-1], target), f"{be} in reverse order"),
        (
            target.ndim > 0 and any(close(np.roll(values, by, 0), target) for by in (1, -1)),
            f"{be} shifted by one place",
        ),
        (target.ndim > 0 and close(_unit(values), target), f"{be} not normalised: the vectors should have length 1"),
        (target.ndim > 0 and close(values, _unit(target)), f"{be} normalised, and should not be"),
    ]
    for made, words in faults:
        if made:
            raise NotYet(f"{what} {words}")
    place = np.unravel_index(int(np.argmax(np.abs(values - target))), target.shape)
    where = f": the value at {tuple(int(index) for index in place)}" if target.ndim else ""
    raise NotYet(f"{what}{where} is {values[place]:.6g}, but should be {target[place]:.6g}")


def _plural(what: str) -> bool:
    """Whether a noun such as "the windows of a text" is plural: its head, the words before "of", ends in one s."""
    head = what.split(" of ")[0]
    return head.endswith("s") and not head.endswith("ss")


def _unit(values: np.ndarray) -> np.ndarray:
    """Scale vectors along the last axis to length 1, leaving zeros as they are."""
    lengths = np.linalg.norm(values, axis=-1, keepdims=True)
    return np.asarray(values / np.where(lengths > 0, lengths, 1))
