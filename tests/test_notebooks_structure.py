"""Every notebook keeps to the rules of notebook_rules.py, and its exercises can be solved."""

import copy
import functools
import os
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import notebook_rules as rules
from workbook import notebooks

pytest_plugins = "pytester"
PATHS = sorted(rules.FOLDER.glob("*.ipynb"))
# number, notebook, minutes to read, seconds to run
README_MAP = re.findall(
    r"^\| (\d\d) \| \[`(\w+\.ipynb)`\]\(notebooks/\2\) \|[^|]*\| (\d+) \| (\d+) \|$",
    (rules.ROOT / "README.md").read_text(encoding="utf-8"),
    flags=re.MULTILINE,
)
each_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


@functools.cache
def read(path):
    return nbformat.read(path, as_version=4)


def solutions_of(path):
    return rules.read_solutions(rules.FOLDER / "solutions" / f"{path.stem[:2]}.py")


def test_map_in_the_readme_lists_what_is_there():
    assert [number for number, *_ in README_MAP] == [f"{number:02}" for number in range(len(README_MAP))]
    assert all(name.startswith(f"{number}_") for number, name, *_ in README_MAP)
    assert [name for _, name, *_ in README_MAP] == [path.name for path in PATHS]
    assert all(int(time) >= 5 and int(time) % 5 == 0 for *_, read, run in README_MAP for time in (read, run))


@each_notebook
def test_notebook_is_valid_and_clean(path):
    notebook = read(path)
    nbformat.validate(notebook)
    assert notebooks.clean(copy.deepcopy(notebook)) == notebook, "save it with `make notebooks`"


@each_notebook
@pytest.mark.parametrize(
    "rule",
    [rules.opening, rules.run_once, rules.no_machine, rules.short_cells, rules.comparison, rules.stable_sorts],
    ids=lambda r: r.__name__,
)
def test_rule(path, rule):
    assert rule(read(path)) == []


@each_notebook
def test_links(path):
    assert rules.links(read(path), read) == []


@each_notebook
def test_exercises_are_checked_and_have_solutions(path):
    assert rules.exercises(read(path), path.stem[:2], solutions_of(path)) == []


# The rules themselves, on a small notebook that keeps to all of them and on ways to break each.

EXERCISE = """\
# Exercise 1. Double a number.
def double(number):
    ...
exercises.check("97-1", double)"""
SETUP = """\
from workbook import exercises
@exercises.exercise("97-1", shows="Two is twice one.")
def _(answer):
    exercises.expect_close(answer(1), 2)"""


def good_notebook():
    text = "# Twice\n\nWhat is twice one? A number.\n\nYou will be able to\n- double\n- see [here](#the-end)"
    text += "\n\n<details><summary>Hint 1</summary>\n\nAdd it to itself.\n\n</details>"
    cells = [
        new_markdown_cell(text),
        new_code_cell("doctor.what_ran()", outputs=[new_output("stream", text="profile bundled, numpy 2.4.6")]),
        new_code_cell("plot()", outputs=[new_output("display_data", {"image/png": "aGk=", "text/plain": "<Figure>"})]),
        new_code_cell(SETUP),
        new_code_cell(EXERCISE, metadata={"tags": ["exercise"]}),
        new_markdown_cell("## The end"),
    ]
    cells[4].outputs = [new_output("stream", text="Exercise 97-1: not attempted yet\n")]
    notebook = new_notebook(cells=cells)
    for count, cell in enumerate(rules.code_cells(notebook), 1):
        cell.execution_count = count
    return notebook


def faults_of(notebook, solutions=("exercise-1",)):
    found = rules.opening(notebook) + rules.run_once(notebook) + rules.no_machine(notebook)
    found += rules.short_cells(notebook) + rules.comparison(notebook) + rules.stable_sorts(notebook)
    found += rules.links(notebook, read)
    return found + rules.exercises(notebook, "97", dict.fromkeys(solutions, ""))


def put(cell, **changes):
    def edit(notebook):
        notebook.cells[cell].update(changes)

    return edit


def show(text):
    return {"outputs": [new_output("stream", text=text)]}


def retag(cell, *tags):
    return put(cell, metadata=nbformat.from_dict({"tags": list(tags)}))


def test_good_notebook_has_no_faults():
    assert faults_of(good_notebook()) == []


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (put(0, source="Twice"), "begins with '# '"),
        (put(0, source="# Twice\n\nTwice one is two."), "is not a question"),
        (put(0, source="# Twice\n\nWhat?\n\nYou will be able to see."), "with a list"),
        (put(1, **show("numpy 2.4.6")), "no cell calls what_ran()"),
        (put(2, execution_count=9), "execution counts [1, 9, 3, 4]"),
        (put(2, outputs=[]), "no figure"),
        (put(3, outputs=[new_output("error", ename="E", evalue="", traceback=[])]), "an error among"),
        (put(3, **show("saved to /home/me/x")), "an absolute path: '/home/'"),
        (put(5, source="## The end\nIn /tmp/x"), "an absolute path: '/tmp/'"),
        (put(3, **show("on 2024-05-01")), "a date: '2024-05-01'"),
        (put(3, **show("<object at 0x7f00aa11bb22>")), "a memory address"),
        (put(3, **show("UserWarning: odd")), "shows a Warning"),
        (put(5, source="## The end" + "\nx" * 40), "has 41 lines"),
        (retag(2, "nbval-ignore-output"), "about neither timing"),
        (put(2, source="# Not compared: k-means.\nassert True"), "lacks the tag"),
        (put(3, source="# Not compared: k-means.\n" + SETUP), "asserts nothing"),
        (put(3, source="np.argsort(x)"), "sorts without"),
        (put(3, source="table.sort_values('a')"), "sorts without"),
        (retag(2, "nbval-skip"), "unknown tags"),
        (put(3, source="# NBVAL_SKIP\n" + SETUP), "an nbval comment"),
        (put(5, source="## End"), "no such heading"),
        (put(5, source="## The end\n[x](nowhere.md)"), "links to nowhere.md"),
        (put(4, source="def double(number):\n    ..."), "nothing checks the exercise"),
        (put(4, **show("Exercise 97-1: passed")), "does not print that it is not attempted"),
        (put(4, source=EXERCISE.replace("97-1", "96-1")), "is not of notebook 97"),
        (retag(4), "belongs to no cell tagged"),
        (put(0, source="# Twice\n\nWhat?"), "1 exercises, but hints for 0"),
    ],
)
def test_each_fault_is_found(edit, words):
    notebook = good_notebook()
    edit(notebook)
    assert any(words in fault for fault in faults_of(notebook)), faults_of(notebook)


def test_missing_or_needless_solution_is_a_fault():
    assert "but solutions []" in faults_of(good_notebook(), solutions=())[0]
    assert "exercise-2" in faults_of(good_notebook(), solutions=("exercise-1", "exercise-2"))[0]


def test_allowed_forms_are_no_faults():
    notebook = good_notebook()
    notebook.cells[3].source += "\nseconds = timeit(double)"
    notebook.cells[3].metadata = nbformat.from_dict({"tags": ["nbval-ignore-output"]})
    notebook.cells[
        2
    ].source += '\n# Not compared: k-means.\nassert True\nnp.argsort(x, kind="stable")\ntable.sort_values([1, 2])'
    notebook.cells[2].metadata = nbformat.from_dict({"tags": ["nbval-ignore-output"]})
    notebook.cells[5].source += "\n[next](03_colbert.ipynb) [site](https://example.invalid/x) `[code](no.md)`"
    assert faults_of(notebook) == []


def test_solutions_run_behind_the_cells_and_must_pass(pytester, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(rules.ROOT), str(rules.ROOT / "tests")]))
    pytester.makeconftest((rules.ROOT / "conftest.py").read_text(encoding="utf-8"))
    notebook = good_notebook()
    del notebook.cells[1:3]  # calls that exist in no kernel
    # The check may also stand in the cell behind; cells see what the notebook says, and not the solution.
    attempt, check = EXERCISE.rsplit("\n", 1)
    notebook.cells[2:3] = [
        new_code_cell(attempt, execution_count=3),
        new_code_cell(check, execution_count=4, outputs=notebook.cells[2].outputs),
        new_code_cell("print(double(1))", execution_count=5, outputs=[new_output("stream", text="None\n")]),
    ]
    nbformat.write(notebook, "97_twice.ipynb")
    for solution, failed in (("return 2 * number", 0), ("return number", 1)):
        pytester.path.joinpath("solutions").mkdir(exist_ok=True)
        text = f"# %% exercise-1\ndef double(number):\n    {solution}\n"
        pytester.path.joinpath("solutions/97.py").write_text(text, encoding="utf-8")
        result = pytester.runpytest_subprocess("--nbval", "--nbval-current-env")
        result.assert_outcomes(passed=5 - failed, failed=failed)
    result.stdout.fnmatch_lines(["*the solution does not pass its check: Exercise 97-1: not yet*", "*Solution 97-1*"])
