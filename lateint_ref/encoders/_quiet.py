"""Loading without noise: progress bars and reports off while a model loads, everything put back afterwards."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_TALKATIVE = ("sentence_transformers", "pylate", "model2vec", "huggingface_hub", "skeletoken")


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Silence the loaders' progress bars, load reports and warnings within the block.

    Errors still come through, and every setting is restored on leaving. Reading the reports is not left to the
    reader's eye: the loaders check for themselves that no weight is missing.
    """
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars
    from transformers.utils import logging as transformers_logging

    verbosity = transformers_logging.get_verbosity()
    bars = transformers_logging.is_progress_bar_enabled()
    hub_bars = not are_progress_bars_disabled()
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    levels = [logger.level for logger in loggers]
    transformers_logging.set_verbosity(logging.CRITICAL)
    transformers_logging.disable_progress_bar()
    disable_progress_bars()
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()
        if hub_bars:
            enable_progress_bars()
        else:
            disable_progress_bars()  # enabling transformers' bars enabled the hub's as well
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
