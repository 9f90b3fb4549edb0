"""How long a notebook takes to read and work through, by a stated rule: an estimate to plan an evening by.

Words at 200 a minute (a slow reader of plain prose), lines of code at 10 a minute, half a minute for every figure
and every table. The exercises are left out: they take as long as they take.
"""

from __future__ import annotations

import re
from typing import Any

WORDS_A_MINUTE = 200
LINES_A_MINUTE = 10
MINUTES_A_PICTURE = 0.5
_STEP = 5


def reading_minutes(notebook: Any) -> float:
    """Minutes to read a notebook with its outputs, exercises apart.

    Args:
        notebook: an nbformat 4 notebook, with outputs.

    Returns:
        Minutes. Counted are the words of text and of what cells print, the lines of code that are not blank, and
        the figures and tables shown; not those of a section whose heading, of level 2, speaks of exercises.
    """
    words = lines = pictures = 0
    in_exercises = False
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for line in _prose(cell.source):
                if re.match(r"##? ", line):
                    in_exercises = "exercise" in line.lower()
                words += 0 if in_exercises else len(re.findall(r"\w[^\s|]*", line))
        elif cell.cell_type == "code" and not in_exercises:
            lines += sum(bool(line.strip()) for line in cell.source.splitlines())
            for output in cell.outputs:
                data = output.get("data", {})
                if "text/html" in data or any(mime.startswith("image/") for mime in data):
                    pictures += 1
                else:
                    words += len(re.findall(r"\w\S*", output.get("text", "") or data.get("text/plain", "")))
    return words / WORDS_A_MINUTE + lines / LINES_A_MINUTE + pictures * MINUTES_A_PICTURE


def rounded_minutes(notebook: Any) -> int:
    """`reading_minutes` to the nearest 5, and at least 5: the number in the README's map."""
    return max(_STEP, _STEP * round(reading_minutes(notebook) / _STEP))


def _prose(source: str) -> list[str]:
    """Lines of a Markdown cell, link targets left out; a code fence is read like text, without its marks."""
    return [line for line in re.sub(r"\]\([^)\s]*\)", "]", source).splitlines() if not line.startswith("```")]
