"""Minutes to read a notebook: the rule, and the README's numbers."""

import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from workbook.reading_time import reading_minutes, rounded_minutes
from workbook.run import find_notebooks

ROOT = Path(__file__).resolve().parent.parent
FIGURE = new_output("display_data", {"image/png": "aGk=", "text/plain": "<Figure>"})
TABLE = new_output("execute_result", {"text/html": "<table>", "text/plain": "many words that are not read twice"})


def minutes(*cells):
    return reading_minutes(new_notebook(cells=list(cells)))


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (new_markdown_cell("word " * 200), 1),
        (new_markdown_cell("# A title\n\n" + "word " * 98 + "\n\n| a | b |\n| --- | --- |\n"), 102 / 200),
        (new_markdown_cell("See [the paper](https://example.invalid/a_very-long(address)."), 3 / 200),
        (new_markdown_cell("```\nsome code\n```"), 2 / 200),
        (new_code_cell("x = 1\n\n" * 10), 1),
        (new_code_cell("plot()", outputs=[FIGURE, TABLE]), 0.1 + 1),
        (new_code_cell("print()", outputs=[new_output("stream", text="a b c 1.0\n")]), 0.1 + 4 / 200),
        (new_code_cell("3", outputs=[new_output("execute_result", {"text/plain": "3"})]), 0.1 + 1 / 200),
        (new_markdown_cell(""), 0),
    ],
)
def test_what_is_counted(cell, expected):
    assert minutes(cell) == pytest.approx(expected)


def test_exercises_are_left_out_and_what_follows_is_not():
    before, after = new_markdown_cell("## 6. The end\n\nof it"), new_markdown_cell("## Summary\n\nAll of it")
    exercises = [
        new_markdown_cell("## 7. Exercises\n\nThink hard."),
        new_markdown_cell("### Exercise 1\n\nHarder."),
        new_code_cell("...", outputs=[FIGURE]),
    ]
    assert minutes(before, after) == pytest.approx(9 / 200)
    assert minutes(before, *exercises, after) == pytest.approx(minutes(before, after))
    # Where it begins inside a cell, the lines above it count.
    joined = new_markdown_cell("## 6. The end\n\nof it\n\n## 7. Exercises\n\nThink hard.")
    assert minutes(joined, *exercises[1:], after) == pytest.approx(minutes(before, after))


def test_rounding():
    assert rounded_minutes(new_notebook(cells=[])) == 5
    of_lines = {n: rounded_minutes(new_notebook(cells=[new_code_cell("x\n" * n)])) for n in (74, 76, 124, 126)}
    assert of_lines == {74: 5, 76: 10, 124: 10, 126: 15}


def test_numbers_in_the_readme_are_those_of_the_rule():
    rows = re.findall(
        r"^\| \d\d \|.*?\]\(notebooks/(\w+\.ipynb)\) \|.*\| (\d+) \| \d+ \|$",
        (ROOT / "README.md").read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    paths = find_notebooks(ROOT / "notebooks")
    computed = {path.name: rounded_minutes(nbformat.read(path, as_version=4)) for path in paths}
    assert {name: int(read) for name, read in rows} == computed, "correct the map, then `make notebooks ONLY=00`"
