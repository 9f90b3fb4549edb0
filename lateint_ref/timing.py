"""Times of searches that compare on a busy machine: processor time, one thread, in turn, the least of rounds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lateint_ref._checks import positive_int

if TYPE_CHECKING:
    import pandas as pd


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
    import numba
    import pandas as pd
    from threadpoolctl import threadpool_limits

    rounds = positive_int(rounds, "rounds")
    if not searches or not len(questions):
        raise ValueError(f"at least one search and one question are needed, got {len(searches)} and {len(questions)}.")
    least = {name: np.full(len(questions), np.inf) for name in searches}
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        with threadpool_limits(1):
            for lap in range(1 + rounds):
                for name, search in searches.items():
                    for at, question in enumerate(questions):
                        started = time.process_time()
                        search(question)
                        if lap:
                            least[name][at] = min(least[name][at], time.process_time() - started)
    finally:
        numba.set_num_threads(threads)
    return pd.Series({name: float(np.median(taken)) for name, taken in least.items()}, name="time")
