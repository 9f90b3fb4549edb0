"""Run by IPython, as PYTHONSTARTUP, in every kernel whose outputs are saved or compared: no progress bars.

A bar shows times, so no two runs would give the same output. TQDM_DISABLE=1 switches off the bars made of text;
those made of widgets, which tqdm.auto takes in a notebook, do not read it.
"""


def _hide_bars() -> None:
    from functools import partialmethod

    from tqdm.notebook import tqdm_notebook

    tqdm_notebook.__init__ = partialmethod(tqdm_notebook.__init__, disable=True)  # type: ignore[assignment,method-assign]


_hide_bars()
del _hide_bars  # IPython runs this in the notebook's own namespace
