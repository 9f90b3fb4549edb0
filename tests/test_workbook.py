"""The runner of the notebooks, on tiny notebooks made here: one passes, one fails, one passes after it."""

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from helpers import refused
from workbook import __main__, notebooks
from workbook import run as workbook

ROOT = Path(__file__).resolve().parent.parent
FIGURE = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"


def save(path, *sources, title="A title", question="Is it so? More text."):
    cells = [new_markdown_cell(f"# {title}\n\n{question}\n\nSee [next](01_fails.ipynb#a) & `x < y`.")]
    path.parent.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=cells + [new_code_cell(source) for source in sources]), path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A working directory with three notebooks, of which the middle one fails in its second cell."""
    root = tmp_path_factory.mktemp("workbook")
    code = "import os, sys\nprint(sys.executable, os.getpid(), '<script>alert(1)</script>')"
    save(root / "notebooks/00_first.ipynb", code, FIGURE)
    save(root / "notebooks/01_fails.ipynb", "print('before')", "1 / 0", "print('after')", title="Is <broken>")
    save(root / "notebooks/02_last.ipynb", "print('still runs')")
    return root


@pytest.fixture(scope="module")
def ran(folder):
    """Results and captured page texts of one `run` over the folder."""
    results = workbook.run(notebooks.find_notebooks(folder / "notebooks"), folder / "out")
    return results, {path.name: path.read_text(encoding="utf-8") for path in (folder / "out").glob("*.html")}


def assert_ended(kernel):
    with pytest.raises(ProcessLookupError):
        os.kill(int(kernel), 0)


def test_run_goes_on_after_a_failure_and_reports_it(ran):
    results, pages = ran
    assert [result.outcome for result in results] == ["passed", "FAILED", "passed"]
    assert [result.cells for result in results] == [2, 3, 1]
    assert "ZeroDivisionError: division by zero" in results[1].error
    assert "\x1b" not in results[1].error
    assert sorted(pages) == ["00_first.html", "01_fails.html", "02_last.html", "index.html"]
    assert "ZeroDivisionError" in pages["01_fails.html"]
    assert "still runs" in pages["02_last.html"]
    for part in ('<a href="00_first.html">A title</a>', "Is it so?", "Is &lt;broken&gt;", ">FAILED</td>"):
        assert part in pages["index.html"]


def loaded_from_elsewhere(page):
    return re.findall(r"""(?:src|href)=["'](https?:[^"']+)|import\(["'](https?:[^"']+)""", page)


def test_a_page_is_whole_and_escaped_and_its_kernel_was_this_interpreter(ran):
    page = ran[1]["00_first.html"]
    assert "data:image/png;base64," in page
    assert 'href="01_fails.html#a"' in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page
    (kernel,) = re.findall(re.escape(sys.executable) + r" (\d+)", page)
    assert_ended(kernel)
    if importlib.util.find_spec("sphinx-mathjax-offline") is not None:
        assert loaded_from_elsewhere(page) == []
        assert page.count('src="mathjax/tex-chtml.js"') == 1


def test_without_mathjax_pages_load_it_from_the_network(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(notebooks.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(workbook, "execute", lambda *_, **__: None)
    workbook.run([save(tmp_path / "00_a.ipynb", "1")], tmp_path / "out")
    (found,) = loaded_from_elsewhere((tmp_path / "out/00_a.html").read_text())
    assert "mathjax" in "".join(found).lower()
    assert "MathJax, which typesets the formulas, is not installed: pip install" in capsys.readouterr().out


def test_command_line_ends_with_the_table_and_a_status(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    fails = "ZeroDivisionError: division by zero"
    monkeypatch.setattr(workbook, "execute", lambda notebook, *_, **__: fails if "broken" in str(notebook) else None)
    assert __main__.main(["run", "--folder", "notebooks", "--only", "01", "02", "--out", "pages"]) == 1
    lines = capsys.readouterr().out.strip().splitlines()
    table = lines[lines.index("notebook  cells  seconds  result") :]
    assert re.fullmatch(r"01_fails +3 +\d+\.\d  FAILED", table[1])
    assert re.fullmatch(r"02_last +1 +\d+\.\d  passed", table[2])
    assert table[3].startswith("2 notebooks, 1 failed")
    assert fails in lines
    written = sorted(path.name for path in (folder / "pages").glob("*.html"))
    assert written == ["01_fails.html", "02_last.html", "index.html"]


def test_unknown_notebooks_are_named_and_those_of_another_project_let_alone(folder, tmp_path, monkeypatch, capsys):
    """Whatever the current folder is: only those of this clone are executed and rewritten."""
    assert __main__.main(["run", "--folder", str(folder / "notebooks"), "--only", "77"]) == 2
    assert "'77'; there are: 00_first, 01_fails, 02_last" in capsys.readouterr().err
    refused(FileNotFoundError, "no notebooks in", notebooks.find_notebooks, tmp_path)
    monkeypatch.chdir(folder)
    assert {path.parent for path in notebooks.find_notebooks()} == {ROOT / "notebooks"}


@pytest.mark.parametrize("module", ["nbformat", "nbclient", "nbconvert", "ipykernel"])
def test_without_jupyter_the_error_says_how_to_get_it(module, folder, monkeypatch, capsys):
    for name in [module, *(name for name in sys.modules if name.startswith(f"{module}."))]:
        monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
    arguments = ["run", "--folder", str(folder / "notebooks"), "--only", "02", "--out", str(folder / "pages")]
    assert __main__.main(arguments) == 2
    assert "pip install -c constraints.txt -e '.[jupyter]'" in capsys.readouterr().err


def test_in_place_saves_the_same_bytes_twice(tmp_path):
    bar = "from tqdm.auto import tqdm\nlist(tqdm([1]))"
    path = save(tmp_path / "00_a.ipynb", "print('one')", bar, FIGURE, "'x'", "'x'")
    document = json.loads(path.read_text(encoding="utf-8"))
    document["cells"][1]["metadata"] = {"tags": ["keep"], "execution": {"iopub.execute_input": "2001-01-01"}}
    document["metadata"] = {"widgets": {"state": {}}, "language_info": {"name": "python", "version": "3.0"}}
    path.write_text(json.dumps(document), encoding="utf-8")
    saved = []
    for _ in range(2):
        assert workbook.execute_in_place([path])[0].error is None
        saved.append(path.read_bytes())
    assert saved[0] == saved[1]
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert [cell.execution_count for cell in notebook.cells[1:]] == [1, 2, 3, 4, 5]
    assert notebook.cells[1].metadata == {"tags": ["keep"]}
    assert notebook.cells[2].outputs[0].data["text/plain"] == "[1]", "no progress bar in a saved output"
    assert "image/png" in notebook.cells[3].outputs[-1].data
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    assert b'"version"' not in saved[0]


def test_in_place_leaves_what_fails_as_it_is_and_reports_in_order(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(workbook, "execute", lambda *_, **__: "ZeroDivisionError")
    paths = [save(tmp_path / f"{name}.ipynb", "1 / 0") for name in ("00_fails", "01_broken")]
    paths[1].write_text("no notebook", encoding="utf-8")
    before = [path.read_bytes() for path in paths]
    results = workbook.execute_in_place(paths)
    assert [(result.path, result.outcome) for result in results] == [(path, "FAILED") for path in paths]
    assert [path.read_bytes() for path in paths] == before
    said = capsys.readouterr().out
    assert "not readable as a notebook" in said
    assert "not saved" in said


def test_cell_that_hangs_or_kills_its_kernel_is_a_failure(tmp_path):
    slow = new_notebook(cells=[new_code_cell("import time\ntime.sleep(60)")])
    assert "timed out" in notebooks.execute(slow, tmp_path, timeout=1)
    dead = new_notebook(cells=[new_code_cell("import os\nos._exit(3)")])
    assert notebooks.execute(dead, tmp_path) is not None


def test_hub_profile_may_reach_the_hub(monkeypatch):
    monkeypatch.setenv("LATEINT_PROFILE", "hub")
    assert "HF_HUB_OFFLINE" not in notebooks.kernel_environment()
    monkeypatch.delenv("LATEINT_PROFILE")
    assert notebooks.kernel_environment()["LATEINT_PROFILE"] == "bundled"


def test_help_names_every_command(capsys):
    refused(SystemExit, "0", __main__.main, ["--help"])
    printed = capsys.readouterr().out
    assert all(f"  {command} " in printed for command in __main__.COMMANDS)
    refused(SystemExit, "2", __main__.main, ["nonsense"])


PATIENCE = 300  # seconds for two kernels to start on a machine that does other things
WAIT = """
import os, pathlib, time
pathlib.Path("{mine}").write_text(str(os.getpid()))
until = time.monotonic() + 300
while not pathlib.Path("{other}").exists() and time.monotonic() < until:
    time.sleep(0.05)
assert pathlib.Path("{other}").exists()
print("threads", os.environ.get("OMP_NUM_THREADS"))
"""


def test_two_jobs_run_at_the_same_time_and_share_the_cores(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(workbook.os, "cpu_count", lambda: 6)
    names = {"00_a": ("a", "b"), "01_b": ("b", "a")}
    paths = [save(tmp_path / f"{name}.ipynb", WAIT.format(mine=m, other=o)) for name, (m, o) in names.items()]
    results = workbook.run(paths, tmp_path / "out", jobs=2)
    assert [(result.path.stem, result.error) for result in results] == [("00_a", None), ("01_b", None)]
    assert all("threads 3" in (tmp_path / f"out/{path.stem}.html").read_text() for path in paths)


def test_the_longest_start_first_and_the_report_is_in_reading_order(tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(workbook, "execute", lambda notebook, folder, **_: started.append(notebook.cells[1].source))
    # One thread of the pool at work at a time, so that starts cannot overtake each other.
    monkeypatch.setattr(workbook, "ThreadPoolExecutor", lambda jobs: ThreadPoolExecutor(1))
    seconds = {"00_a": 30, "01_b": 50, "02_c": 20, "13_d": 80}
    rows = [f"| {name[:2]} | x | x | 1 | {number} |\n" for name, number in seconds.items()]
    (tmp_path / "README.md").write_text("".join(rows), encoding="utf-8")
    paths = [save(tmp_path / "notebooks" / f"{name}.ipynb", f"'{name}'") for name in seconds]
    for jobs, order in ((2, ["13_d", "01_b", "00_a", "02_c"]), (1, seconds)):
        started.clear()
        results = workbook.run(paths, tmp_path / "out", jobs=jobs)
        assert started == [f"'{name}'" for name in order]
        assert [result.path.stem for result in results] == list(seconds)


def test_interrupt_ends_every_kernel(tmp_path):
    for name, mine in (("00_a", "a"), ("01_b", "b")):
        save(tmp_path / f"notebooks/{name}.ipynb", WAIT.format(mine=mine, other="never"))
    process = subprocess.Popen(
        [sys.executable, "-m", "workbook", "run", "--folder", "notebooks", "--jobs", "2", "--out", "out"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    marks = [tmp_path / "notebooks/a", tmp_path / "notebooks/b"]
    until = time.monotonic() + PATIENCE
    while not all(mark.exists() and mark.read_text() for mark in marks) and time.monotonic() < until:
        time.sleep(0.05)
    kernels = [mark.read_text() for mark in marks]
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 130
    assert said.splitlines()[-1] == "Interrupted."
    for kernel in kernels:
        assert_ended(kernel)
