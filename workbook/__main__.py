"""Command line of the workbook: `python -m workbook COMMAND`."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

# command -> (module that carries it out, what it does). A module is imported only when its command is called;
# its function main(command, arguments) takes the rest of the command line and returns the exit status.
COMMANDS = {
    "doctor": (
        "workbook.doctor",
        "show versions, the profile, what is available and how to get what is not",
    ),
    "run": ("workbook.run", "execute every notebook into build/ as HTML, with an index page"),
    "notebooks": ("workbook.run", "execute every notebook in place and save clean outputs"),
    "bench": ("workbook.bench", "time maxsim_scores beside other implementations"),
    "quality": ("workbook.quality", "measure the bundled models on the test splits (a quarter of an hour)"),
    "claims": ("workbook.claims_measure", "measure what notebook 12 needs and is slow, into data/measurements/"),
    "site": ("workbook.site", "build the notebooks as a static site in build/site/"),
    "data": ("workbook.data", "check the bundled data and list what there is"),
}

# What the extra `jupyter` brings and commands import.
JUPYTER = ("ipykernel", "jupyter_client", "nbclient", "nbconvert", "nbformat")
_INSTALL = "pip install -c constraints.txt -e"


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command.

    Args:
        argv: command and its arguments; by default those of the command line.

    Returns:
        Exit status, 0 for success.
    """
    listing = "\n".join(f"  {name:<10} {text}" for name, (_, text) in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="python -m workbook",
        description="Late interaction, step by step: the workbook's commands.",
        epilog=f"commands:\n{listing}\n\n`COMMAND --help` lists what a command takes.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="command")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    try:
        module = importlib.import_module(COMMANDS[options.command][0])
        status: int = module.main(options.command, options.arguments)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing and missing not in JUPYTER:
            raise
        # One without a name is this project's own, and says what to install.
        advice = f". Notebooks are read and run by Jupyter: {_INSTALL} '.[jupyter]'" if missing else ""
        print(f"{error}{advice}", file=sys.stderr)
        return 2
    return status


if __name__ == "__main__":
    sys.exit(main())
