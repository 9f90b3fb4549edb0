"""Times that compare on a busy machine: the least of several rounds, by the clock or of the processor on one thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from lateint_ref.checks import whole

if TYPE_CHECKING:
    import pandas as pd


def wall_seconds(call: Callable[..., Any], *arguments: Any, rounds: int = 5) -> float:
    """Seconds of one call by the clock, on as many threads as it likes: what somebody who waits for it sees.

    Args:
        call: what to time.
        arguments: handed to it.
        rounds: how many calls count, at least 1; one before them warms up. The least of their times is returned, since
            other work on the machine only adds time.

    Raises:
        TypeError: `rounds` is not a whole number.
        ValueError: `rounds` is below 1.
    """
    return wall_times({"": lambda: call(*arguments)}, rounds)[""]


def wall_times(calls: Mapping[str, Callable[[], Any]], rounds: int = 5) -> dict[str, float]:
    """Seconds of each call by the clock; in each round they take turns, so that a slow while slows all of them.

    Args:
        calls: name and call, a function without arguments.
        rounds: as in `wall_seconds`.

    Raises:
        TypeError, ValueError: as `wall_seconds`.
    """
    rounds = whole(rounds, "rounds")
    least = dict.fromkeys(calls, float("inf"))
    for lap in range(1 + rounds):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            if lap:
                least[name] = min(least[name], time.perf_counter() - started)
    return least


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread of Numba's and of the BLAS libraries', for a while."""
    import numba
    from threadpoolctl import threadpool_limits

    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        numba.set_num_threads(threads)


def processor_seconds(call: Callable[..., Any], *arguments: Any, rounds: int = 5) -> float:
    """Processor time of one call, in seconds, on one thread of Numba's and of the BLAS libraries'.

    Args:
        call: what to time. Threads that it starts by itself count, too.
        arguments: handed to it.
        rounds: how many calls count, at least 1; one before them warms up. The least of their times is returned.

    Raises:
        TypeError: `rounds` is not a whole number.
        ValueError: `rounds` is below 1.
    """
    taken = []
    with _one_thread():
        for _ in range(1 + whole(rounds, "rounds")):
            started = time.process_time()
            call(*arguments)
            taken.append(time.process_time() - started)
    return min(taken[1:])


def processor_times(
    searches: Mapping[str, Callable[[Any], Any]], questions: Sequence[Any], rounds: int = 5
) -> pd.Series:
    """Processor time of each search, in seconds a question, on one thread of Numba's and of the BLAS libraries'.

    Every round runs all searches on all questions, one search after the other, so that what slows a machine down for a
    while slows all of them down. A first round warms up and is not counted. Of each question the least time counts,
    and of each search the median over questions. Threads that a search starts by itself count, too.

    Args:
        searches: name and search, a function of one question.
        questions: what to search for, at least one.
        rounds: how many rounds count, at least 1.

    Raises:
        TypeError: `rounds` is not a whole number.
        ValueError: there is no search or no question, or `rounds` is below 1.
    """
    import pandas as pd

    rounds = whole(rounds, "rounds")
    if not searches or not len(questions):
        raise ValueError(f"at least one search and one question are needed, got {len(searches)} and {len(questions)}.")
    least = {name: np.full(len(questions), np.inf) for name in searches}
    with _one_thread():
        for lap in range(1 + rounds):
            for name, search in searches.items():
                for at, question in enumerate(questions):
                    started = time.process_time()
                    search(question)
                    if lap:
                        least[name][at] = min(least[name][at], time.process_time() - started)
    return pd.Series({name: float(np.median(taken)) for name, taken in least.items()}, name="time")
