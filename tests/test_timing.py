"""Times of calls and searches: what is called how often, on how many threads, and what is refused."""

import numba
import numpy as np
from threadpoolctl import threadpool_info

from helpers import refused
from workbook.timing import processor_seconds, processor_times, wall_seconds, wall_times


def test_searches_take_turns_on_one_thread(monkeypatch):
    clock, calls, spent = [0.0], [], {("a", 1): [9, 3, 2, 4], ("a", 2): [9, 1, 1, 1], ("b", 1): [9, 5, 6, 7]}
    spent["b", 2] = [0, 8, 7, 9]
    monkeypatch.setattr("workbook.timing.time.process_time", lambda: clock[0])

    def search(name):
        def run(question):
            calls.append((name, question))
            assert numba.get_num_threads() == 1
            assert all(pool["num_threads"] == 1 for pool in threadpool_info())
            clock[0] += spent[name, question].pop(0)

        return run

    before = numba.get_num_threads()
    found = processor_times({"a": search("a"), "b": search("b")}, [1, 2], rounds=3)
    assert numba.get_num_threads() == before
    assert calls == 4 * [("a", 1), ("a", 2), ("b", 1), ("b", 2)]
    # The warm-up, whether slow or fast, is left out; least of three rounds, then the median of two questions.
    assert found.to_dict() == {"a": np.median([2, 1]), "b": np.median([5, 7])}


def test_a_call_is_timed_after_one_to_warm_up(monkeypatch):
    clock, spent = [0.0], [9, 4, 2, 3]
    monkeypatch.setattr("workbook.timing.time.process_time", lambda: clock[0])

    def call(*arguments):
        assert arguments == ("a", 1)
        assert numba.get_num_threads() == 1
        clock[0] += spent.pop(0)

    before = numba.get_num_threads()
    assert processor_seconds(call, "a", 1, rounds=3) == 2
    assert (spent, numba.get_num_threads()) == ([], before)


def test_times_by_the_clock(monkeypatch):
    clock, calls, spent = [0.0], [], {"a": [9, 4, 2, 3, 0], "b": [0, 5, 7, 6, 0]}
    monkeypatch.setattr("workbook.timing.time.perf_counter", lambda: clock[0])

    def call(name):
        calls.append(name)
        clock[0] += spent[name].pop(0)

    assert wall_times({"a": lambda: call("a"), "b": lambda: call("b")}, rounds=3) == {"a": 2, "b": 5}
    assert calls == 4 * ["a", "b"]
    spent["a"] = [9, 4, 3]
    assert wall_seconds(call, "a", rounds=2) == 3


def test_threads_come_back_after_a_failure():
    def fails(question):
        raise KeyError(question)

    before = numba.get_num_threads()
    refused(KeyError, "", processor_times, {"a": fails}, [1])
    assert numba.get_num_threads() == before


def test_bad_input():
    refused(ValueError, "got 0 and 1", processor_times, {}, [1])
    refused(ValueError, "got 1 and 0", processor_times, {"a": abs}, [])
    for call, arguments in (
        (processor_times, ({"a": abs}, [1])),
        (processor_seconds, (abs, 1)),
        (wall_seconds, (abs, 1)),
    ):
        refused(ValueError, "rounds", call, *arguments, rounds=0)
        refused(TypeError, "rounds", call, *arguments, rounds=2.5)
