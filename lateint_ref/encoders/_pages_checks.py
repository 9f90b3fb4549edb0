"""What every page encoder asks of its input: a list of pages that can all be opened."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from lateint_ref.checks import describe
from lateint_ref.ragged import checked_ids

if TYPE_CHECKING:
    from PIL.Image import Image

Seen = TypeVar("Seen")


def check_pages(images: Any, ids: Sequence[str] | None, look: Callable[[Image], Seen]) -> tuple[list[str], list[Seen]]:
    """Open every page before the first is encoded, so that a bad one costs no work and the error names all of them.

    The pages are opened again when they are encoded: the pixels of all at once may not fit into memory.

    Args:
        images: list of `n` page images: PIL images in any mode, or paths of image files.
        ids: one unique string a page; by default `"0"`, `"1"`, ...
        look: takes an opened page (RGB) and returns what the encoder must know beforehand, or raises a `ValueError`
            where it cannot encode such a page.

    Returns:
        `n` ids, and what `look` returned for each page.

    Raises:
        TypeError: not a list, or items that are neither images nor paths (the pages are named).
        FileNotFoundError: no such files (the pages are named).
        ValueError: no pages, duplicate ids, or pages that cannot be read or encoded (each is named); also where bad
            pages are of several kinds.
    """
    from lateint_ref.page_io import open_image

    if isinstance(images, (str, bytes, os.PathLike, dict)) or not (
        hasattr(images, "__len__") and hasattr(images, "__getitem__")
    ):
        raise TypeError(
            f"images must be a list of PIL images or paths, got {describe(images)}. Write [image] for one page."
        )
    if len(images) == 0:
        raise ValueError("images is empty: give at least one page.")
    names = checked_ids(ids, len(images))
    seen: list[Seen] = []
    errors: list[tuple[str, Exception]] = []
    for name, source in zip(names, images, strict=True):
        try:
            seen.append(look(open_image(source)))
        except (TypeError, ValueError, OSError) as error:
            errors.append((name, error))
    if errors:
        told = "; ".join(f"page {name!r}: {error}" for name, error in errors)
        rest = f" The other {len(names) - len(errors)} can be encoded without." if len(names) > len(errors) else ""
        kinds = {type(error) for _, error in errors}
        # The error's own kind where all bad pages agree on one of these, and otherwise a ValueError.
        kind = next((kind for kind in (TypeError, FileNotFoundError) if kinds == {kind}), ValueError)
        raise kind(f"{len(errors)} of {len(names)} pages cannot be encoded: {told}{rest}") from errors[0][1]
    return names, seen
