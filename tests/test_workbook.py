"""The runner of the notebooks, on tiny notebooks made here: one passes, one fails, one passes after it."""

import importlib.util
import itertools
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

from workbook import __main__, mathjax, notebooks
from workbook import run as workbook

FIGURE = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"


def save(path, *sources, title="A title", question="Is it so? More text."):
    cells = [new_markdown_cell(f"# {title}\n\n{question}\n\nSee [next](01_fails.ipynb#a) & `x < y`.")]
    nbformat.write(new_notebook(cells=cells + [new_code_cell(source) for source in sources]), path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A working directory with three notebooks, of which the middle one fails in its second cell."""
    root = tmp_path_factory.mktemp("workbook")
    (root / "notebooks").mkdir()
    save(root / "notebooks/00_first.ipynb", "import sys\nprint(sys.executable)", FIGURE)
    save(root / "notebooks/01_fails.ipynb", "print('before')", "1 / 0", "print('after')", title="Is <broken>")
    save(root / "notebooks/02_last.ipynb", "print('still runs')")
    return root


@pytest.fixture(scope="module")
def ran(folder):
    """Results and captured page texts of one `run` over the folder."""
    paths = workbook.find_notebooks(folder / "notebooks")
    results = workbook.run(paths, folder / "out")
    return results, {path.name: path.read_text(encoding="utf-8") for path in (folder / "out").glob("*.html")}


def test_run_goes_on_after_a_failure(ran):
    results, pages = ran
    assert [result.outcome for result in results] == ["passed", "FAILED", "passed"]
    assert [result.cells for result in results] == [2, 3, 1]
    assert "ZeroDivisionError: division by zero" in results[1].error
    assert "\x1b" not in results[1].error
    assert sorted(pages) == ["00_first.html", "01_fails.html", "02_last.html", "index.html"]


def test_kernel_is_this_interpreter(ran):
    assert sys.executable in ran[1]["00_first.html"]


def test_pages_hold_their_images_and_the_error(ran):
    pages = ran[1]
    assert "data:image/png;base64," in pages["00_first.html"]
    assert "ZeroDivisionError" in pages["01_fails.html"]
    assert "still runs" in pages["02_last.html"]
    assert 'href="01_fails.html#a"' in pages["00_first.html"]


def test_code_is_escaped(tmp_path):
    path = save(tmp_path / "00_code.ipynb", "'<script>alert(1)</script>' < 'b'  # <img src=x>")
    workbook.run([path], tmp_path / "out")
    page = (tmp_path / "out/00_code.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)" in page
    assert "# &lt;img src=x&gt;" in page
    assert "<script>alert(1)" not in page
    assert "<img src=x>" not in page


def loaded_from_elsewhere(page):
    return [
        "".join(found)
        for found in re.findall(r"""(?:src|href)=["'](https?:[^"']+)|import\(["'](https?:[^"']+)""", page)
    ]


def test_pages_load_nothing_from_elsewhere(ran):
    if importlib.util.find_spec("sphinx-mathjax-offline") is None:
        pytest.skip("MathJax is not installed")
    assert loaded_from_elsewhere(ran[1]["00_first.html"]) == []
    assert ran[1]["00_first.html"].count('src="mathjax/tex-chtml.js"') == 1


def test_without_mathjax_pages_load_it_from_the_network(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(mathjax.importlib.util, "find_spec", lambda name: None)
    workbook.run([save(tmp_path / "00_a.ipynb", "1")], tmp_path / "out")
    (found,) = loaded_from_elsewhere((tmp_path / "out/00_a.html").read_text())
    assert "mathjax" in found.lower()
    assert "MathJax, which typesets the formulas, is not installed: pip install" in capsys.readouterr().out


def test_index_lists_titles_questions_results_and_links(ran):
    index = ran[1]["index.html"]
    assert '<a href="00_first.html">A title</a>' in index
    assert "Is it so?" in index
    assert "More text" not in index
    assert "Is &lt;broken&gt;" in index
    assert index.count(">passed</td>") == 2
    assert index.count(">FAILED</td>") == 1


def test_command_line_ends_with_the_table_and_a_status(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert __main__.main(["run", "--only", "01", "02", "--out", "pages"]) == 1
    lines = capsys.readouterr().out.strip().splitlines()
    table = lines[lines.index("notebook  cells  seconds  result") :]
    assert re.fullmatch(r"01_fails +3 +\d+\.\d  FAILED", table[1])
    assert re.fullmatch(r"02_last +1 +\d+\.\d  passed", table[2])
    assert table[3].startswith("2 notebooks, 1 failed")
    assert "ZeroDivisionError: division by zero" in lines
    assert sorted(path.name for path in (folder / "pages").glob("*.html")) == [
        "01_fails.html",
        "02_last.html",
        "index.html",
    ]
    assert __main__.main(["run", "--only", "02", "--out", "pages"]) == 0


def test_unknown_notebook_and_empty_folder_are_named(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert __main__.main(["run", "--only", "77"]) == 2
    assert "'77'; there are: 00_first, 01_fails, 02_last" in capsys.readouterr().err
    with pytest.raises(FileNotFoundError, match="no notebooks in"):
        workbook.find_notebooks(tmp_path)


@pytest.mark.parametrize("module", ["nbformat", "nbclient", "nbconvert", "ipykernel"])
def test_without_jupyter_the_error_says_how_to_get_it(module, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    for name in [module, *(name for name in sys.modules if name.startswith(f"{module}."))]:
        monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
    assert __main__.main(["run", "--only", "02", "--out", "pages"]) == 2
    assert "pip install -c constraints.txt -e '.[jupyter]'" in capsys.readouterr().err


def test_unreadable_notebook_is_a_failure_like_others(tmp_path, capsys):
    (tmp_path / "00_broken.ipynb").write_text("{", encoding="utf-8")
    results = workbook.run([tmp_path / "00_broken.ipynb"], tmp_path / "out")
    assert results[0].outcome == "FAILED"
    assert "not readable as a notebook" in capsys.readouterr().out
    assert "<a " not in (tmp_path / "out/index.html").read_text(encoding="utf-8")


def test_in_place_saves_the_same_bytes_twice(tmp_path):
    path = save(
        tmp_path / "00_a.ipynb",
        "print('one')",
        "from tqdm.auto import tqdm\nlist(tqdm([1]))",
        FIGURE,
        "'x'",
        "'x'",
    )
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


def test_in_place_refuses_to_save_a_failed_notebook(tmp_path, capsys):
    path = save(tmp_path / "00_a.ipynb", "1 / 0")
    before = path.read_bytes()
    assert workbook.execute_in_place([path])[0].outcome == "FAILED"
    assert path.read_bytes() == before
    assert "not saved" in capsys.readouterr().out


def test_cell_that_hangs_or_kills_its_kernel_is_a_failure(tmp_path):
    slow = new_notebook(cells=[new_code_cell("import time\ntime.sleep(60)")])
    assert "timed out" in notebooks.execute(slow, tmp_path, timeout=1)
    dead = new_notebook(cells=[new_code_cell("import os\nos._exit(3)")])
    assert notebooks.execute(dead, tmp_path) is not None


def test_progress_bars_leave_no_output(tmp_path):
    source = "from tqdm.auto import tqdm\nfrom tqdm import tqdm as plain\nlist(plain(tqdm([1])))"
    notebook = new_notebook(cells=[new_code_cell(source)])
    assert notebooks.execute(notebook, tmp_path) is None
    assert [output.output_type for output in notebook.cells[0].outputs] == ["execute_result"]


def test_no_kernel_is_left_running(tmp_path):
    notebook = new_notebook(cells=[new_code_cell("import os\nprint(os.getpid())")])
    assert notebooks.execute(notebook, tmp_path) is None
    with pytest.raises(ProcessLookupError):
        os.kill(int(notebook.cells[0].outputs[0].text), 0)


def test_hub_profile_may_reach_the_hub(monkeypatch):
    monkeypatch.setenv("LATEINT_PROFILE", "hub")
    assert "HF_HUB_OFFLINE" not in notebooks.kernel_environment()
    monkeypatch.delenv("LATEINT_PROFILE")
    assert notebooks.kernel_environment()["LATEINT_PROFILE"] == "bundled"


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit, match="0"):
        __main__.main(["--help"])
    printed = capsys.readouterr().out
    assert all(f"  {command} " in printed for command in __main__.COMMANDS)
    with pytest.raises(SystemExit, match="2"):
        __main__.main(["nonsense"])


WAIT = """
import os, pathlib, time
pathlib.Path("{mine}").write_text(str(os.getpid()))
until = time.monotonic() + 60
while not pathlib.Path("{other}").exists() and time.monotonic() < until:
    time.sleep(0.05)
assert pathlib.Path("{other}").exists()
print("threads", os.environ.get("OMP_NUM_THREADS"))
"""


def test_two_jobs_run_at_the_same_time_and_share_the_cores(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(workbook.os, "cpu_count", lambda: 6)
    paths = [
        save(tmp_path / "00_a.ipynb", WAIT.format(mine="a", other="b")),
        save(tmp_path / "01_b.ipynb", WAIT.format(mine="b", other="a")),
    ]
    results = workbook.run(paths, tmp_path / "out", jobs=2)
    assert [(result.path.stem, result.error) for result in results] == [("00_a", None), ("01_b", None)]
    assert all("threads 3" in (tmp_path / f"out/{path.stem}.html").read_text() for path in paths)


def test_the_longest_start_first_and_the_report_is_in_reading_order(tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(workbook, "execute", lambda notebook, folder, **_: started.append(notebook.cells[1].source))
    # One thread of the pool at work at a time, so that starts cannot overtake each other.
    monkeypatch.setattr(workbook, "ThreadPoolExecutor", lambda jobs: ThreadPoolExecutor(1))
    names = ["00_a", "01_b", "02_c", "13_d"]
    paths = [save(tmp_path / f"{name}.ipynb", f"'{name}'") for name in names]
    for jobs, order in ((2, ["13_d", "01_b", "00_a", "02_c"]), (1, names)):
        started.clear()
        results = workbook.run(paths, tmp_path / "out", jobs=jobs)
        assert started == [f"'{name}'" for name in order]
        assert [result.path.stem for result in results] == names


def test_in_place_reports_in_reading_order(tmp_path):
    names = ["00_first", "01_broken", "02_last"]
    paths = [save(tmp_path / f"{name}.ipynb", "1 + 1") for name in names]
    paths[1].write_text("no notebook")
    assert [result.path.stem for result in workbook.execute_in_place(paths)] == names
    assert paths[1].read_text() == "no notebook"


def test_the_order_of_length_is_that_of_the_map():
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    seconds = {number: int(run) for number, run in re.findall(r"^\| (\d\d) \|.*\| (\d+) \|$", readme, re.MULTILINE)}
    assert sorted(workbook._LONGEST_FIRST) == sorted(seconds)
    in_order = [seconds[number] for number in workbook._LONGEST_FIRST]  # there one at a time, which differs a little
    assert all(before >= behind - 15 for before, behind in itertools.pairwise(in_order))


def test_interrupt_ends_every_kernel(tmp_path):
    (tmp_path / "notebooks").mkdir()
    save(tmp_path / "notebooks/00_a.ipynb", WAIT.format(mine="a", other="never"))
    save(tmp_path / "notebooks/01_b.ipynb", WAIT.format(mine="b", other="never"))
    command = [sys.executable, "-m", "lateint_ref", "run", "--jobs", "2", "--out", "out"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    marks = [tmp_path / "notebooks/a", tmp_path / "notebooks/b"]
    until = time.monotonic() + 60
    while not all(mark.exists() and mark.read_text() for mark in marks) and time.monotonic() < until:
        time.sleep(0.05)
    kernels = [int(mark.read_text()) for mark in marks]
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=40)[0]
    assert process.returncode == 130
    assert said.splitlines()[-1] == "Interrupted."
    for kernel in kernels:
        with pytest.raises(ProcessLookupError):
            os.kill(kernel, 0)


def test_jobs_must_be_at_least_one(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit):
        __main__.main(["run", "--jobs", "0"])
    assert "--jobs takes a number of at least 1, got 0" in capsys.readouterr().err
