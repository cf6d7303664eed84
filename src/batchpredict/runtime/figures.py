"""Plots as SVG text that takes the colours of the page around it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy


def shortened(name: object, most: int = 18) -> str:
    """Return a name that fits beside an axis."""
    text = str(name)
    return text if len(text) <= most else text[: most - 1] + "…"


def new_figure(height: float = 3.6) -> Any:
    """Return an empty figure with one pair of axes; width and height are in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.8, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def figure_svg(figure: Any, name: str, title: str) -> str:
    """Return a figure as an SVG element, the same text at every run.

    Args:
        figure: A matplotlib figure; what it draws in #010101 takes the colour of the page's text.
        name: Prefix of the ids inside, different for each figure of a page.
        title: What a screen reader says.
    """
    import html
    import io
    import re

    import matplotlib

    # Text stays text: it can be read, searched and scaled.
    settings: Any = {"svg.hashsalt": name, "svg.fonttype": "none"}
    buffer = io.StringIO()
    with matplotlib.rc_context(settings):
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", metadata=nothing, transparent=True)
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace("#010101", "currentColor")
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(xlink:href="#|url\(#)', rf"\1{name}-", text)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    head = f'<svg role="img" aria-labelledby="{name}-title"'
    title = f'<title id="{name}-title">{html.escape(title)}</title>'
    return re.sub(r"<svg([^>]*)>", lambda m: f"{head}{m[1]}>{title}", text, count=1)


def plot_confusion(confusion: dict[str, Any]) -> Any:
    """Draw counts of true by predicted class, shaded by the share of the true class."""
    from matplotlib.patches import Rectangle

    classes, matrix = confusion["classes"], confusion["matrix"]
    size = len(classes)
    figure = new_figure(min(7.0, 2.4 + 0.4 * size))
    axes = figure.axes[0]
    for i, row in enumerate(matrix):
        for j, count in enumerate(row):
            share = count / (sum(row) or 1)
            cell = Rectangle((j, i), 0.97, 0.97, color="#4c8ddb", alpha=0.05 + 0.6 * share, lw=0)
            axes.add_patch(cell)
            if size <= 15:
                axes.text(j + 0.49, i + 0.49, f"{count:,}", ha="center", va="center")
    names, ticks = [shortened(name) for name in classes], [i + 0.49 for i in range(size)]
    slanted = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if size > 4 else {}
    axes.set_xticks(ticks, names, **slanted)
    axes.set_yticks(ticks, names)
    axes.set(xlim=(0, size), ylim=(size, 0), xlabel="predicted", ylabel="true")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return figure


def plot_roc(curves: dict[str, dict[str, list[float]]]) -> Any:
    """Draw the ROC curves of the first ten labels."""
    colours = ["#4c8ddb", "#e0803a", "#3fa373", "#c05a9f", "#9a7fd1"]
    figure = new_figure()
    axes = figure.axes[0]
    axes.plot([0, 1], [0, 1], color="#8a8f98", lw=1, ls=(0, (4, 4)))
    for i, (label, curve) in enumerate(list(curves.items())[:10]):
        style = {"color": colours[i % 5], "ls": "-" if i < 5 else "--"}
        axes.plot(curve["fpr"], curve["tpr"], lw=2, label=shortened(label), **style)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.set(xlabel="false positive rate", ylabel="true positive rate")
    axes.legend(frameon=False, loc="lower right")
    return figure


def plot_histogram(edges: list[float], counts: dict[str, list[int]], label: str) -> Any:
    """Draw counts in bins, the series on top of each other.

    Args:
        edges: Edges of the bins.
        counts: Counts in each bin by series, at most two.
        label: What the horizontal axis shows.
    """
    import itertools

    figure = new_figure()
    axes = figure.axes[0]
    widths = [(b - a) * 0.94 for a, b in itertools.pairwise(edges)]
    bottom = [0] * len(widths)
    for colour, (name, values) in zip(("#4c8ddb", "#e0803a"), counts.items(), strict=False):
        axes.bar(edges[:-1], values, widths, bottom, align="edge", color=colour, label=name)
        bottom = [a + b for a, b in zip(bottom, values, strict=True)]
    axes.set(xlabel=label, ylabel="rows")
    axes.yaxis.get_major_locator().set_params(integer=True)
    if len(counts) > 1:
        axes.legend(frameon=False)
    return figure


def plot_truth(truth: "numpy.ndarray[Any, Any]", predicted: "numpy.ndarray[Any, Any]") -> Any:
    """Draw predicted by true value, of at most 2,000 rows."""
    step = -(-len(truth) // 2000)
    truth, predicted = truth[::step], predicted[::step]
    low, high = min(truth.min(), predicted.min()), max(truth.max(), predicted.max())
    figure = new_figure()
    axes = figure.axes[0]
    axes.plot([low, high], [low, high], color="#8a8f98", lw=1, ls=(0, (4, 4)))
    axes.scatter(truth, predicted, s=16, color="#4c8ddb", alpha=0.6, lw=0)
    axes.set(xlabel="true", ylabel="predicted")
    return figure


def draw(name: str, title: str, plot: Any, *values: Any) -> str:
    """Call one of the plots and return its SVG.

    Args:
        name: Prefix of the ids inside the SVG.
        title: What a screen reader says.
        plot: A function that returns a figure.
        *values: Its arguments.
    """
    import warnings

    import matplotlib

    ink = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    settings: Any = {**dict.fromkeys(ink, "#010101"), "text.parse_math": False}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # The browser has the letters that matplotlib's own font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        return figure_svg(plot(*values), name, title)
