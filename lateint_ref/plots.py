"""Figures in one style: colour-blind safe, readable in greyscale, with a text alternative."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lateint_ref._checks import describe
from lateint_ref.maxsim import similarity_matrix

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
