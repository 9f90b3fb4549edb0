"""Exercises of the notebooks: check an answer in words.

In a notebook, in a cell tagged `exercise`:

    def my_maxsim(query, document):
        ...            # your code here
    exercises.check("02-1", my_maxsim)

A checker is a function in `workbook/checks/nb02.py`: it is given the answer and compares what it yields
with values of the checker's own, through the `expect_*` functions below.

    @exercise("02-1", "MaxSim needs one matrix product.")
    def _(answer):
        expect_close(answer(QUERY, DOCUMENT), 1.4, what="the score", count=2)
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

Answer = Callable[..., Any]
Checker = Callable[[Any], object]
Faults = Iterable[tuple[Any, str]]  # what a common fault yields, and what to say of it

_REGISTRY: dict[str, tuple[Checker, str]] = {}


class NotYet(Exception):  # noqa: N818 (a verdict on an answer, not an error of the program)
    """Raised by a checker; its message tells the learner what is wrong."""


class NotAttempted(Exception):  # noqa: N818
    """Raised by a checker where the answer is still the placeholder."""


def exercise(name: str, shows: str = "") -> Callable[[Checker], Checker]:
    """Register the decorated function as the checker of an exercise.

    Args:
        name: notebook and number, as `02-1`.
        shows: one sentence, printed when the answer passes, on what it shows.

    Returns:
        The decorator; it returns the checker unchanged.

    Raises:
        ValueError: another checker has that name.
    """

    def register(checker: Checker) -> Checker:
        known, _ = _REGISTRY.get(name, (checker, ""))
        # Running the same file again (autoreload, a notebook cell) replaces its checkers.
        if known.__module__ != checker.__module__:
            raise ValueError(f"exercise {name!r} is already registered by {known.__module__}")
        _REGISTRY[name] = checker, shows
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
    checker, shows = _find(name)
    try:
        # What the notebook ships: nothing, `...`, or a dictionary of nothing else.
        values = answer.values() if isinstance(answer, dict) else [answer]
        if answer is None or all(value is ... for value in values):
            raise NotAttempted
        checker(_watch(answer) if callable(answer) else answer)
    except NotAttempted:
        verdict = "not attempted yet"
    except NotYet as fault:
        verdict = f"not yet: {fault}"
    except Exception as error:  # an answer of an odd type can trip the checker itself: still not the learner's stop
        verdict = f"not yet: the answer could not be compared ({type(error).__name__}: {error})"
    else:
        verdict = f"passed. {shows}".rstrip()
    print(f"Exercise {name}: {verdict}")


def _find(name: str) -> tuple[Checker, str]:
    """Look an exercise up, loading the checkers of its notebook on first use."""
    from workbook import checks as checkers

    module = f"nb{name[:2]}"
    if name not in _REGISTRY and any(found.name == module for found in pkgutil.iter_modules(checkers.__path__)):
        importlib.import_module(f"workbook.checks.{module}")
    if name not in _REGISTRY:
        known = ", ".join(sorted(other for other in _REGISTRY if other[:2] == name[:2])) or "none"
        raise ValueError(f"there is no exercise {name!r}; exercises of this notebook: {known}")
    return _REGISTRY[name]


def _watch(function: Answer) -> Answer:
    """Wrap a learner's function: a placeholder result means not attempted, an exception becomes words."""

    def watched(*args: Any, **kwargs: Any) -> Any:
        try:
            result = function(*args, **kwargs)
        except Exception as error:
            if "ellipsis" in str(error):  # a `...` left in the middle was used as if it were a value
                raise NotAttempted from None
            raise NotYet(f"your function raised {type(error).__name__}: {error}") from None
        if result is None or result is ...:
            raise NotAttempted
        return result

    return watched


def same(got: Any, values: Any, tolerance: float = 1e-4) -> bool:
    """Whether an answer has the shape of some values and is close to them, absolutely and relative to the values.

    Things other than numbers must be equal.
    """
    try:
        one, other = np.asarray(got), np.asarray(values)
    except ValueError:  # rows of different lengths
        return isinstance(got, list) and isinstance(values, list) and got == values
    if one.dtype.kind in "biuf" and other.dtype.kind in "biuf":
        return one.shape == other.shape and np.allclose(one, other, tolerance, tolerance)
    return one.shape == other.shape and bool(np.all(one == other))


def rule_out(got: Any, faults: Faults, tolerance: float = 1e-4) -> None:
    """Raise `NotYet` with the words of the first fault whose values the answer shows, compared as in `same`."""
    for values, words in faults:
        if same(got, values, tolerance):
            raise NotYet(words)


def expect_list(got: Any, what: str, length: int | None = None) -> list[Any]:
    """Require a list, tuple or array, of a given length where one is named; `NotYet` says "return" `what`."""
    if not isinstance(got, (list, tuple, np.ndarray)) or (isinstance(got, np.ndarray) and got.ndim == 0):
        raise NotYet(f"return {what}; this is a {type(got).__name__}")
    if length is not None and len(got) != length:
        raise NotYet(f"return {what}; these are {len(got)}")
    return list(got)


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
    has, be, hold = _verbs(what)
    try:
        array = np.asarray(got)
    except ValueError:
        raise NotYet(f"{what} {has} rows of different lengths; it should be an array of shape {shape}") from None
    if array.dtype == object:
        if any(value is ... for value in array.ravel()):
            raise NotYet(f"{what} still {hold} a `...`: fill in every part")
        raise NotYet(f"{what} should be an array of numbers with shape {shape}, but {be} a {type(got).__name__}")
    if array.dtype.kind in "US":  # a single text makes texts of the numbers beside it, so look at what was given
        text = next(value for value in np.array(got, dtype=object).ravel() if isinstance(value, (str, bytes)))
        raise NotYet(f"{what} should hold numbers, but {text!r} is a text")
    if array.shape != shape:
        turned = len(shape) > 1 and array.shape == shape[::-1]
        remark = ": it is transposed" if turned else ""
        if not turned and len(array.shape) == len(shape):
            off = [axis for axis in range(len(shape)) if abs(array.shape[axis] - shape[axis]) == 1]
            equal = sum(a == b for a, b in zip(array.shape, shape, strict=True))
            remark = f": axis {off[0]} is off by one" if len(off) == 1 and equal == len(shape) - 1 else ""
        raise NotYet(f"{what} {has} shape {array.shape}, but should have shape {shape}{remark}")
    if dtype is not None and array.dtype != np.dtype(dtype):
        raise NotYet(f"{what} {has} dtype {array.dtype}, but should have dtype {np.dtype(dtype)}")
    return array


def expect_close(
    got: Any,
    expected: Any,
    *,
    what: str = "the result",
    dtype: Any = None,
    count: int | None = None,
    faults: Faults = (),
    tolerance: float = 1e-4,
) -> None:
    """Require values close to the expected ones, and name the common fault where there is one.

    Args:
        got: the answer's value.
        expected: what it should be, from a source independent of the answer; a number or an array.
        what: what the value is, for the message.
        dtype: required dtype, or None for any.
        count: how many terms are summed up, if the expected value is a sum: tells a mean from a sum.
        faults: faults of this exercise, as `rule_out` takes them, ruled out before those that any exercise has.
        tolerance: largest difference that passes, absolute and relative to the expected value.

    Raises:
        NotYet: the values differ.
    """
    wanted = np.asarray(expected)
    if not same(got, wanted, tolerance):
        rule_out(got, faults, tolerance)
    array = expect_array(got, shape=wanted.shape, dtype=dtype, what=what)
    has, be, hold = _verbs(what)
    if array.dtype.kind not in "biuf":
        raise NotYet(f"{what} should hold numbers, but {has} dtype {array.dtype}")
    if same(array, wanted, tolerance):
        return
    values, target = array.astype(np.float64), wanted.astype(np.float64)
    if np.isnan(values).any():
        raise NotYet(f"{what} {hold} NaN: is something divided by zero?")
    a_mean, a_sum, they = ("means", "sums", "they") if be == "are" else ("a mean", "a sum", "it")
    terms = count if count is not None and count > 1 else np.nan  # nothing is close to NaN
    made = [(-values, target, f"{has} the wrong sign")]
    made += [(values * terms, target, f"{be} {a_mean}; {they} should be {a_sum}")]
    made += [(values, target * terms, f"{be} {a_sum}; {they} should be {a_mean}")]
    made += [(values + by, target, f"{be} off by one everywhere") for by in (-1, 1)]
    if target.ndim > 1:
        made += [(values.T, target, f"{be} transposed")]
    if target.ndim:
        made += [(values[::-1], target, f"{be} in reverse order")]
        made += [(np.roll(values, by, 0), target, f"{be} shifted by one place") for by in (1, -1)]
        made += [(_unit(values), target, f"{be} not normalised: the vectors should have length 1")]
        made += [(values, _unit(target), f"{be} normalised, and should not be")]
    for one, other, words in made:
        if same(one, other, tolerance):
            raise NotYet(f"{what} {words}")
    place = np.unravel_index(int(np.argmax(np.abs(values - target))), target.shape)
    where = f": the value at {tuple(int(index) for index in place)}" if target.ndim else ""
    raise NotYet(f"{what}{where} is {values[place]:.6g}, but should be {target[place]:.6g}")


def _verbs(what: str) -> tuple[str, str, str]:
    """The verbs for a noun such as "the windows of a text": plural where the words before "of" end in one s."""
    head = what.split(" of ")[0]
    return ("have", "are", "hold") if head.endswith("s") and not head.endswith("ss") else ("has", "is", "holds")


def _unit(values: np.ndarray) -> np.ndarray:
    """Scale vectors along the last axis to length 1, leaving zeros as they are."""
    lengths = np.linalg.norm(values, axis=-1, keepdims=True)
    return np.asarray(values / np.where(lengths > 0, lengths, 1))
