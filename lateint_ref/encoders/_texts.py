"""What every encoder does with its input: check it, cut it into batches of like length, restore the order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lateint_ref.checks import describe, whole


def check_texts(value: Any, name: str) -> list[str]:
    """Return `value` as a list of non-empty strings.

    Args:
        value: what the caller passed.
        name: the caller's argument, for the message.

    Raises:
        TypeError: a single string, not a sequence, or an item that is not a string (its index is named).
        ValueError: no texts, or an empty one (its index is named).
    """
    if isinstance(value, str):
        raise TypeError(
            f"{name} must be a list of strings, got the single string {value!r}. Write [text] for one text."
        )
    if not hasattr(value, "__len__") or not hasattr(value, "__getitem__") or isinstance(value, (dict, bytes)):
        raise TypeError(f"{name} must be a list of strings, got {describe(value)}.")
    if len(value) == 0:
        raise ValueError(f"{name} is empty: give at least one text.")
    texts: list[str] = []
    for index, text in enumerate(list(value)):
        texts.append(check_text(text, f"{name}[{index}]"))
    return texts


def check_text(value: Any, name: str) -> str:
    """Return `value` if it is a string with something in it.

    Raises:
        TypeError: not a string.
        ValueError: empty, or nothing but spaces.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, got {describe(value)}.")
    if not value.strip():
        raise ValueError(f"{name} is empty: there is nothing to encode. Leave it out, or give it a text.")
    return str(value)


def batches(lengths: Sequence[int], batch_size: Any, progress: bool, what: str) -> Iterator[list[int]]:
    """Yield lists of positions, longest texts first, so that a batch needs little padding.

    The first batch is the largest: what does not fit into memory shows at once. Whoever fills results by position
    gets them in the order of the input.

    Args:
        lengths: one length a text (tokens or characters).
        batch_size: texts a batch, at least 1.
        progress: show a progress bar (tqdm.auto).
        what: label of the bar.

    Raises:
        TypeError, ValueError: `batch_size` is not a whole number of at least 1.
    """
    size = whole(batch_size, "batch_size")
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    starts: Any = range(0, len(order), size)
    if progress:
        from tqdm.auto import tqdm

        starts = tqdm(starts, desc=what, unit="batch")
    for start in starts:
        yield order[start : start + size]
