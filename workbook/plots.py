"""Figures in one style: colour-blind safe, readable in greyscale, with a text alternative."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lateint_ref.checks import Float64Array, Int64Array, as_floats, describe
from lateint_ref.pages import patch_boxes, top_patches
from lateint_ref.scores import similarity_matrix

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette, ordered so that neighbours differ in lightness too and survive a greyscale print.
COLOURS = ("#0072B2", "#E69F00", "#000000", "#56B4E9", "#D55E00", "#009E73", "#CC79A7")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
SEQUENTIAL = "cividis"


def style() -> None:
    """Set the workbook's figure style for this session."""
    import matplotlib as mpl
    from cycler import cycler

    mpl.rcParams.update(
        {
            "figure.dpi": 110,
            "figure.constrained_layout.use": True,
            "font.size": 10,
            "axes.titlesize": 11,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.alpha": 0.3,
            "image.cmap": SEQUENTIAL,
            "axes.prop_cycle": cycler(color=COLOURS) + cycler(marker=MARKERS),
        }
    )


def show(figure: Figure, alt: str) -> None:
    """Display a figure with a text alternative for screen readers, and close it.

    Args:
        figure: the finished figure.
        alt: what a reader who cannot see it needs to know: the kind of plot, its axes and what it shows.

    Raises:
        ValueError: an empty text alternative.
    """
    import matplotlib.pyplot as plt
    from IPython.display import Image, display

    if not alt.strip():
        raise ValueError("alt is empty: say in a sentence what the figure shows.")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    plt.close(figure)
    display(Image(buffer.getvalue(), alt=alt))  # type: ignore[no-untyped-call]


def similarity_heatmap(
    query: Any,
    document: Any,
    query_tokens: Sequence[str],
    document_tokens: Sequence[str],
    ax: Axes | None = None,
) -> Axes:
    """Similarity of every query token with every document token; the best of each row is outlined.

    Args:
        query: `(n_q, dim)`.
        document: `(n_d, dim)`.
        query_tokens: `n_q` labels for the rows.
        document_tokens: `n_d` labels for the columns.
        ax: where to draw; a new figure by default.

    Raises:
        TypeError, ValueError: vectors that `similarity_matrix` rejects, or labels that do not match them.
    """
    import matplotlib.pyplot as plt
    from matplotlib.patches import Rectangle

    matrix = similarity_matrix(query, document)
    for labels, count, name in (
        (query_tokens, matrix.shape[0], "query_tokens"),
        (document_tokens, matrix.shape[1], "document_tokens"),
    ):
        if len(labels) != count:
            raise ValueError(f"{name} must hold one label for each of {count} vectors, got {describe(labels)}.")
    if ax is None:
        _, ax = plt.subplots(figsize=(2.5 + 0.3 * matrix.shape[1], 1.6 + 0.3 * matrix.shape[0]))
    image = ax.imshow(matrix, aspect="auto")
    ax.set_xticks(range(len(document_tokens)), document_tokens, rotation=90)
    ax.set_yticks(range(len(query_tokens)), query_tokens)
    ax.grid(visible=False)
    for row, column in enumerate(matrix.argmax(axis=1)):
        ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor="white", linewidth=2.5))
        ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor="black", linewidth=1.2))
    ax.figure.colorbar(image, ax=ax, label="dot product")
    return ax


def grouped_bars(table: Any, ax: Axes, value_label: str) -> Axes:
    """Horizontal groups of bars, one group a row of a table and one bar a column.

    Args:
        table: a pandas `DataFrame` of numbers; the index names the groups, the columns the bars.
        ax: where to draw.
        value_label: label of the value axis, with its unit.
    """
    hatches = ("", "//", "..", "xx", "--", "++", "oo")
    height = 0.8 / len(table.columns)
    positions = np.arange(len(table))
    for number, column in enumerate(table.columns):
        ax.barh(
            positions + (number - (len(table.columns) - 1) / 2) * height,
            table[column],
            height,
            label=str(column),
            color=COLOURS[number % len(COLOURS)],
            hatch=hatches[number % len(hatches)],
            edgecolor="white",
        )
    ax.set_yticks(positions, [str(name) for name in table.index])
    ax.invert_yaxis()
    ax.grid(visible=False, axis="y")
    ax.set_xlabel(value_label)
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return ax


def pipeline(
    query: Any,
    document: Any,
    query_tokens: Sequence[str],
    document_tokens: Sequence[str],
    notes: Sequence[str] = ("", "", ""),
) -> Figure:
    """Late interaction in one picture, laid out like the product `S = Q D^T`: Q at the left, D above, S between.

    Args:
        query: `(n_q, dim)`; the first few dimensions are drawn.
        document: `(n_d, dim)`, likewise.
        query_tokens: `n_q` labels.
        document_tokens: `n_d` labels.
        notes: a line of text below the titles of Q, D and S.

    Returns:
        The figure; its height fits about ten query tokens, its width about ten document tokens.

    Raises:
        TypeError, ValueError: vectors that `similarity_matrix` rejects.
    """
    import matplotlib.pyplot as plt
    from matplotlib.patches import Rectangle

    matrix = similarity_matrix(query, document)
    best, shown = matrix.max(axis=1), 6
    figure, axes = plt.subplots(
        2,
        3,
        figsize=(7.6, 2.3 + 0.34 * len(matrix)),
        width_ratios=[0.75 * shown, matrix.shape[1], 2],
        height_ratios=[0.6 * shown, len(matrix)],
    )
    (corner, d_axes, empty), (q_axes, s_axes, max_axes) = axes
    pictures = [
        (d_axes, np.asarray(document)[:, :shown].T, f"D: one column a passage token\n{notes[1]}"),
        (q_axes, np.asarray(query)[:, :shown], f"Q: one row a question token\n{notes[0]}"),
        (s_axes, matrix, f"S: every row of Q times every column of D\n{notes[2]}"),
        (max_axes, best[:, None], "row maximum\n"),
    ]
    for ax, values, title in pictures:
        limits = (matrix.min(), matrix.max()) if ax in (s_axes, max_axes) else (None, None)
        ax.imshow(values, aspect="auto", vmin=limits[0], vmax=limits[1])
        ax.set_title(title, fontsize=8.5, loc="left")
        ax.set(xticks=[], yticks=[])
        ax.grid(visible=False)
        ax.spines[:].set_visible(False)
    d_axes.set_yticks([])
    q_axes.set_yticks(range(len(query_tokens)), query_tokens)
    s_axes.set_xticks(range(len(document_tokens)), document_tokens, rotation=40, ha="right", rotation_mode="anchor")
    middle = (matrix.min() + matrix.max()) / 2
    for row, column in np.ndindex(matrix.shape):
        ink = "black" if matrix[row, column] > middle else "white"
        s_axes.text(column, row, f"{matrix[row, column]:.2f}", ha="center", va="center", fontsize=7.5, color=ink)
    for row, column in enumerate(matrix.argmax(axis=1)):
        s_axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor="white", linewidth=3.5))
        s_axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor="black", linewidth=1.6))
        ink = "black" if best[row] > middle else "white"
        max_axes.text(0, row, f"{best[row]:.2f}", ha="center", va="center", fontsize=7.5, color=ink)
    max_axes.set_xlabel(f"their sum,\nthe score:\n{best.sum():.2f}", fontsize=9)
    steps = (
        "question → tokens → encoder → Q",
        "passage → tokens → encoder → D",
        "S = Q Dᵀ",
        "score = sum of row maxima",
    )
    corner.text(0, 0.5, "\n".join(steps), fontsize=8.5, va="center", linespacing=2, transform=corner.transAxes)
    corner.axis("off")
    empty.axis("off")
    return figure


def show_heatmap(
    image: Any,
    heatmap: Any,
    ax: Axes | None = None,
    top: int = 3,
    title: str = "",
    limits: tuple[float, float] | None = None,
    colorbar: bool = True,
) -> Axes:
    """Lay a map over its page: dark where the match is weak, light where it is strong, the best patches boxed.

    The page is drawn in grey and the colours run from dark to light, so the figure keeps its meaning in greyscale.

    Args:
        image: the page: a PIL image, or an array `(height, width)` or `(height, width, 3)`.
        heatmap: `(rows, columns)`, one query vector's map or `summed_map`.
        ax: where to draw; a new figure by default.
        top: how many of the best patches to outline, the best one of all with a thicker line; 0 for none.
        title: above the page.
        limits: values of the darkest and the lightest colour, for several figures on one scale; by default the map's
            smallest and largest.
        colorbar: draw the scale beside the page.

    Returns:
        The axes, in pixels of the page.

    Raises:
        TypeError: not an image, not numeric, or `top` is not a whole number.
        ValueError: a map of another rank, nothing in it, a NaN or infinity, or `top` below 0.
    """
    import matplotlib.pyplot as plt

    values = as_floats(heatmap, "heatmap", "(rows, columns)", 2)
    picture = _as_grey(image)
    if isinstance(top, bool) or not isinstance(top, (int, np.integer)):
        raise TypeError(f"top must be a whole number of at least 0, got {describe(top)}.")
    if top < 0:
        raise ValueError(f"top must be a whole number of at least 0, got {top}.")
    height, width = picture.shape
    if ax is None:
        _, ax = plt.subplots(figsize=(5.2, 1 + 4.2 * min(height / width, 2)))
    ax.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="antialiased", extent=(0, width, height, 0))
    low, high = limits if limits is not None else (float(values.min()), float(values.max()))
    # Patch by patch, not smoothed: a heatmap is no finer than its grid.
    layer = ax.imshow(
        values, cmap=SEQUENTIAL, alpha=0.62, vmin=low, vmax=high, interpolation="nearest", extent=(0, width, height, 0)
    )
    if top:
        _box(ax, patch_boxes((values.shape[0], values.shape[1]), width, height), top_patches(values, top))
    ax.set(xticks=[], yticks=[], xlim=(0, width), ylim=(height, 0), title=title)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    if colorbar:
        ax.figure.colorbar(layer, ax=ax, label="similarity", shrink=0.8)
    return ax


def _box(ax: Axes, boxes: Float64Array, chosen: Int64Array) -> None:
    """Outline patches in black on a white casing, which shows on any ground; the best with a thicker line."""
    from matplotlib.patches import Rectangle

    # All casings first: neighbours among the best must not cover each other's lines.
    for colour, casing in (("white", 2.0), ("black", 0.0)):
        for rank, (row, column) in enumerate(chosen):
            x0, y0, x1, y1 = boxes[row, column]
            line = (2.6 if rank == 0 else 1.2) + casing
            ax.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=colour, linewidth=line))


def _as_grey(image: Any) -> Any:
    """The page as grey values 0 to 255, `(height, width)`."""
    from PIL import Image

    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim not in (2, 3):
            raise TypeError(f"image must be a PIL image or a uint8 array (height, width[, 3]), got {describe(image)}.")
        image = Image.fromarray(image)
    if not isinstance(image, Image.Image):
        raise TypeError(f"image must be a PIL image or a uint8 array (height, width[, 3]), got {describe(image)}.")
    return np.asarray(image.convert("RGB").convert("L"))
