"""What every encoder does with its input: check it, cut it into batches of like length, restore the order."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from lateint_ref._checks import describe, positive_int

# A fast tokenizer that is in use refuses to have its truncation set ("Already borrowed"), and all encoders share one.
_TOKENIZING = threading.Lock()


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
        ValueError: empty, nothing but spaces, or with half a surrogate pair, which no tokenizer can read.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, got {describe(value)}.")
    if not value.strip():
        raise ValueError(f"{name} is empty: there is nothing to encode. Leave it out, or give it a text.")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{name} holds half a surrogate pair ({value[error.start]!r}, character {error.start}): a text that "
            "was cut or decoded wrongly. Put U+FFFD in its place: text.encode('utf-16', 'surrogatepass').decode('utf-16', "
            "'replace')"
        ) from error
    return str(value)


def token_ids(tokenizer: Any, texts: list[str], limit: int | None = None, special: bool = True) -> list[list[int]]:
    """Token ids of each text, for any number of threads at once.

    Args:
        tokenizer: a fast tokenizer of `transformers`.
        texts: what `check_texts` returned.
        limit: tokens of a text at most, special ones included; None for all.
        special: with the model's special tokens.
    """
    with _TOKENIZING:
        found: list[list[int]] = tokenizer(
            texts, truncation=limit is not None, max_length=limit, add_special_tokens=special, verbose=False
        )["input_ids"]
    return found


class Cut:
    """Tells once how much of an encoder's texts is cut off: a `UserWarning`, the first time that any is."""

    def __init__(self) -> None:
        self._told = False

    def tell(self, over: Sequence[int], limit: str) -> None:
        """Warn if a text is too long and nothing was said yet.

        Args:
            over: for each text how many tokens it has beyond what fits; 0 or less where nothing is lost.
            limit: of what, in words: `"of 300 tokens"`.
        """
        lost = [tokens for tokens in over if tokens > 0]
        if lost and not self._told:
            self._told = True
            warnings.warn(
                f"{len(lost)} of {len(over)} texts are longer than the limit {limit}: {sum(lost)} tokens at their ends "
                "are not read. Cut them into passages to have all of them found. This is said once an encoder.",
                UserWarning,
                stacklevel=4,
            )


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
    size = positive_int(batch_size, "batch_size")
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    starts: Any = range(0, len(order), size)
    if progress:
        from tqdm.auto import tqdm

        starts = tqdm(starts, desc=what, unit="batch")
    for start in starts:
        yield order[start : start + size]
