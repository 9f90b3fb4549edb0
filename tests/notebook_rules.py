"""What every committed notebook must keep to. Each rule takes a notebook and returns its faults, in words."""

import ast
import re
import socket
from pathlib import Path

from workbook.notebooks import title_and_question

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "notebooks"
MAX_LINES = 40
TAGS = {"exercise", "nbval-ignore-output"}
# What a cell must be about for its output not to be compared: durations or what this machine has to offer. Or it says
# what magnifies the last bits in which processors differ, and asserts what holds on all of them.
NOT_COMPARABLE = re.compile(r"perf_counter|timeit|second|\btim(?:e|ed|ing|ings)\b|\bdoctor\b")
CHAOTIC = re.compile(r"^# Not compared: \w", flags=re.MULTILINE)
ASSERTION = re.compile(r"^\s*assert ", flags=re.MULTILINE)
# Equal values, or nearly equal ones, come in another order where a processor sorts with other instructions.
UNSTABLE = re.compile(r"\b(?:argsort|sort_values)\((?![^\n]*(?:\n\s+[^\n]*)?kind=\"stable\")")
CHECK = re.compile(r"""\bcheck\(\s*["'](\d\d-\d+)["']""")
LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
MACHINE = {
    "an absolute path": re.compile(r"(?<![\w.:/])/(?:home|Users|root|tmp|private|var|mnt|work)/|\b[A-Z]:\\\w"),
    "a date": re.compile(r"\b(?:19|20)\d\d-[01]\d-[0-3]\d\b"),
    "a memory address": re.compile(r"\b0x[0-9a-fA-F]{6,}"),
    "this machine's name": re.compile(rf"\b{re.escape(socket.gethostname())}\b"),
}
if len(socket.gethostname()) < 4 or socket.gethostname() == "localhost":
    del MACHINE["this machine's name"]  # a common word, which may stand in a sentence


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell):
    return cell.metadata.get("tags", [])


def output_texts(cell):
    """Every piece of text that a cell's outputs show; pictures are left out."""
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            yield output.text
        elif output.output_type == "error":
            yield "\n".join([output.ename, output.evalue, *output.traceback])
        else:
            yield from (text for mime, text in output.data.items() if mime.startswith("text/"))


def opening(notebook):
    """Title, question, goals, what ran."""
    faults = []
    first = notebook.cells[0]
    if first.cell_type != "markdown" or not first.source.startswith("# "):
        return ["the first cell is not Markdown that begins with '# ' and a title"]
    if not title_and_question(notebook, "")[1].endswith("?"):
        faults.append("the first sentence below the title is not a question")
    before_code = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            break
        before_code.append(cell.source)
    goals = re.split(r"you will be able to", "\n".join(before_code), flags=re.IGNORECASE)
    if len(goals) < 2 or len(re.findall(r"^\s*[-*] \S", goals[1], flags=re.MULTILINE)) < 2:
        faults.append("no 'You will be able to' with a list before the first code cell")
    ran = [cell for cell in code_cells(notebook) if "what_ran(" in cell.source]
    text = "\n".join(text for cell in ran for text in output_texts(cell))
    if "profile" not in text.lower() or not re.search(r"\d+\.\d+", text):
        faults.append("no cell calls what_ran() and shows the profile and the versions")
    return faults


def run_once(notebook):
    """Saved from one clean run from top to bottom, with at least one figure."""
    cells = code_cells(notebook)
    faults = []
    if any(not cell.source.strip() for cell in cells):
        faults.append("an empty code cell")
    counts = [cell.execution_count for cell in cells if cell.source.strip()]
    if counts != list(range(1, len(counts) + 1)):
        faults.append(f"not saved from one clean run: execution counts {counts}")
    if any(output.output_type == "error" for cell in cells for output in cell.outputs):
        faults.append("an error among the outputs")
    if not any("image/png" in output.get("data", {}) for cell in cells for output in cell.outputs):
        faults.append("no figure among the outputs")
    return faults


def no_machine(notebook):
    """Nothing of the machine that it was run on, and no noise."""
    faults = []
    for number, cell in enumerate(notebook.cells):
        shown = list(output_texts(cell))
        for name, pattern in MACHINE.items():
            for text in [cell.source, *shown]:
                if found := pattern.search(text):
                    faults.append(f"cell {number} has {name}: {found.group()!r}")
        faults += [
            f"cell {number} shows a {word}" for word in ("Warning", "Traceback") if any(word in text for text in shown)
        ]
    return faults


def short_cells(notebook):
    """A cell fits on a screen."""
    lengths = [len(cell.source.splitlines()) for cell in notebook.cells]
    return [f"cell {number} has {n} lines" for number, n in enumerate(lengths) if n > MAX_LINES]


def comparison(notebook):
    """A cell's output is left out of the comparison by one tag alone, and only where runs must differ."""
    faults = []
    for number, cell in enumerate(notebook.cells):
        if unknown := set(tags(cell)) - TAGS:
            faults.append(f"cell {number} has unknown tags {sorted(unknown)}")
        if re.search(r"#\s*(?:NBVAL_|PYTEST_VALIDATE_)", cell.source):
            faults.append(f"cell {number} has an nbval comment: use the tag nbval-ignore-output")
        if CHAOTIC.search(cell.source):
            if "nbval-ignore-output" not in tags(cell):
                faults.append(f"cell {number} says that it is not compared, but lacks the tag nbval-ignore-output")
            if not ASSERTION.search(cell.source):
                faults.append(f"cell {number} is not compared and asserts nothing")
        elif "nbval-ignore-output" in tags(cell) and not NOT_COMPARABLE.search(cell.source):
            faults.append(f"cell {number} is not compared, but is about neither timing nor the doctor: say why")
    return faults


def stable_sorts(notebook):
    """Whatever sorts says `kind="stable"`, except by several columns, which pandas always sorts so."""
    return [
        f'cell {number} sorts without kind="stable": {found.group()}'
        for number, cell in enumerate(notebook.cells)
        if cell.cell_type == "code"
        for found in UNSTABLE.finditer(cell.source)
        if not cell.source[found.end() :].startswith("[")
    ]


def slug(heading):
    """A heading's anchor, folded so that Jupyter's and GitHub's spelling of it are the same."""
    return re.sub(r"[^\w-]", "", heading.strip().replace(" ", "-").lower())


def anchors(notebook):
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    named = re.findall(r"""<a\s+(?:id|name)=["']([^"']+)["']""", text)
    return {slug(heading) for heading in re.findall(r"^#+ +(.+)$", text, flags=re.MULTILINE) + named}


def links(notebook, read, folder=FOLDER):
    """Relative links lead to files and headings."""
    faults = []
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "markdown":
            continue
        text = re.sub(r"```.*?```|`[^`\n]*`", "", cell.source, flags=re.DOTALL)
        for target in LINK.findall(text):
            if re.match(r"[a-z]+:", target) or target.startswith("attachment:"):
                continue
            name, _, anchor = target.partition("#")
            path = folder / name
            if name and not path.exists():
                faults.append(f"cell {number} links to {name}, which does not exist")
            elif anchor and (not name or path.suffix == ".ipynb"):
                other = read(path) if name else notebook
                if slug(anchor) not in anchors(other):
                    faults.append(f"cell {number} links to {target}, where there is no such heading")
    return faults


def exercise_cells(notebook):
    """Pairs of an exercise's cell and the code cell that checks it (the same, or the next one)."""
    cells = code_cells(notebook)
    for cell, following in zip(cells, [*cells[1:], None], strict=True):
        if "exercise" in tags(cell):
            checked = cell if CHECK.search(cell.source) else following
            yield cell, checked if checked is not None and CHECK.search(checked.source) else None


def exercises(notebook, number, solutions):
    """Every exercise has hints and a solution, is checked, and as shipped says that it is not attempted."""
    faults = []
    names = []
    for cell, checked in exercise_cells(notebook):
        title = cell.source.split("\n")[0]
        if checked is None:
            faults.append(f"nothing checks the exercise {title!r}")
            continue
        names += CHECK.findall(checked.source)
        for name in CHECK.findall(checked.source):
            if f"Exercise {name}: not attempted yet" not in "\n".join(output_texts(checked)):
                faults.append(f"exercise {name} as shipped does not print that it is not attempted yet")
    faults += [f"exercise {name} is not of notebook {number}" for name in names if not name.startswith(number)]
    if len(names) != len(set(names)):
        faults.append("an exercise is checked twice")
    hinted = sum(cell.source.count("<summary>Hint 1</summary>") for cell in notebook.cells)
    if hinted != len(names):
        faults.append(f"{len(names)} exercises, but hints for {hinted}")
    wanted = {f"exercise-{name.split('-')[1]}" for name in names}
    if wanted != set(solutions):
        faults.append(f"exercises {sorted(wanted)}, but solutions {sorted(solutions)}")
    outside = [cell for cell in code_cells(notebook) if CHECK.search(cell.source)]
    checks = [checked for _, checked in exercise_cells(notebook)]
    if any(cell not in checks for cell in outside):
        faults.append("a check that belongs to no cell tagged 'exercise'")
    return faults


def read_solutions(path):
    """Sections `# %% exercise-1` of a solutions file, as a dict from `exercise-1` to its code."""
    if not path.exists():
        return {}
    parts = re.split(r"^# %% +(exercise-\d+).*$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def solved(name, source, solutions):
    """The solution of an exercise and the call that checks it, out of the source of the cell with that call."""
    calls = [ast.unparse(statement) for statement in ast.parse(source).body]
    (call,) = (call for call in calls if name in CHECK.findall(call))
    return f"{solutions['exercise-' + name.split('-')[1]]}\n{call}"
