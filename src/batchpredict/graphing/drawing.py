"""A graph as an SVG image: no script, no font and no file from elsewhere."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from html import escape
from itertools import pairwise

from batchpredict.graphing.layers import Route, arrange
from batchpredict.graphing.model import Edge, Node

CHARACTER = 7.3  # of a monospaced font of 12 pixels, rounded up
LONGEST = 56
LINE = 16.0
PADDING = 12.0
MARGIN = 16.0
HEAD = 6.0  # length of an arrow's head

STYLE = """
.bp { --bp-page: #ffffff; --bp-ink: #1c2024; --bp-dim: #5c636b; --bp-line: #8a929b;
 --bp-box: #f1f4f8; --bp-group: #00000008; --bp-good: #d9f2e0; --bp-bad: #fadcd9;
 --bp-busy: #dbe9fb; --bp-bad-line: #b3261e }
@media (prefers-color-scheme: dark) { .bp { --bp-page: #16191d; --bp-ink: #e6e8eb;
 --bp-dim: #a9b1ba; --bp-line: #7a838d; --bp-box: #262b32; --bp-group: #ffffff0a;
 --bp-good: #1d4029; --bp-bad: #5a2320; --bp-busy: #1f3a5c; --bp-bad-line: #ff8a80 } }
.bp text { font: 12px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
 fill: var(--bp-ink) }
.bp .note { fill: var(--bp-dim) }
.bp .page { fill: var(--bp-page) }
.bp .step { fill: var(--bp-box); stroke: var(--bp-line) }
.bp .group { fill: var(--bp-group); stroke: var(--bp-line) }
.bp .dashed { stroke-dasharray: 5 4 }
.bp .good { fill: var(--bp-good) } .bp .busy { fill: var(--bp-busy) }
.bp .bad { fill: var(--bp-bad); stroke: var(--bp-bad-line) }
.bp .wire { fill: none; stroke: var(--bp-line); stroke-width: 1.3 }
.bp .head { fill: var(--bp-line) }
"""


@dataclass(frozen=True)
class Mark:
    """What a run adds to a step.

    Attributes:
        text: A second line, such as ``OK 2.1 s``.
        tone: ``good``, ``bad``, ``busy`` or "" for its colour.
        link: Where a click on it leads, or "".
    """

    text: str
    tone: str = ""
    link: str = ""


@dataclass(frozen=True)
class _Box:
    """A node with its size, and with what is inside."""

    node: Node
    lines: tuple[str, ...]
    width: float
    height: float
    mark: Mark
    x: float = 0.0
    y: float = 0.0
    inner: tuple["_Box", ...] = ()
    wires: tuple[tuple[Edge, Route], ...] = field(default=())


def to_svg(root: Node, marks: Mapping[str, Mark] | None = None) -> str:
    """Return a graph as an SVG image.

    Args:
        root: The whole graph.
        marks: What a run adds to the steps, by path.
    """
    top = _measured(root, marks or {}, is_root=True)
    width, height = top.width + 2 * MARGIN, top.height + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="bp" role="img" width="{width:.0f}" '
        f'height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}">',
        f"<title>{_text(f'Graph of {root.label}')}</title><style>{STYLE}</style>",
        f'<rect class="page" width="{width:.0f}" height="{height:.0f}"/>',
        *_inside(top, MARGIN, MARGIN),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _measured(node: Node, marks: Mapping[str, Mark], is_root: bool = False) -> _Box:
    """Return a node's box with those of its inner nodes placed in it."""
    mark = marks.get(node.path, Mark(""))
    lines = () if is_root else tuple(_cut(it) for it in (node.label, node.note, mark.text) if it)
    own_width = max((len(line) for line in lines), default=0) * CHARACTER + 2 * PADDING
    own_height = len(lines) * LINE + PADDING
    if not node.inner:
        return _Box(node, lines, own_width, own_height, mark)
    boxes = {it.path: _measured(it, marks) for it in node.inner}
    edges = [edge for edge in node.edges if edge.source in boxes and edge.target in boxes]
    found = arrange(
        {path: (box.width, box.height) for path, box in boxes.items()},
        [(edge.source, edge.target) for edge in edges],
    )
    border = 0.0 if is_root else PADDING
    head = 0.0 if is_root else own_height
    width = max(found.width + 2 * border, 0.0 if is_root else own_width)
    shift = (width - found.width) / 2
    inner = tuple(
        replace(box, x=found.corners[path][0] + shift, y=found.corners[path][1] + head)
        for path, box in boxes.items()
    )
    routes = [[(x + shift, y + head, z + head) for x, y, z in way] for way in found.routes]
    wires = tuple(zip(edges, routes, strict=True))
    height = head + found.height + border
    return _Box(node, lines, width, height, mark, inner=inner, wires=wires)


def _inside(box: _Box, x: float, y: float) -> Iterator[str]:
    for it in box.inner:
        yield from _drawn(it, x + it.x, y + it.y)
    for edge, route in box.wires:
        yield from _arrow(edge, [(at + x, top + y, end + y) for at, top, end in route])


def _drawn(box: _Box, x: float, y: float) -> Iterator[str]:
    node = box.node
    is_group = bool(box.inner)
    dashed = node.kind in ("condition", "branches", "loop", "at exit")
    look = ("group" if is_group else "step") + (" dashed" if dashed else "") + f" {box.mark.tone}"
    radius = 4 if is_group else 16 if node.kind in ("importer", "at exit") else 8
    note = "; ".join(it for it in (node.path, node.kind, node.note, node.image) if it)
    yield f'<a href="{_text(box.mark.link)}">' if box.mark.link else "<g>"
    yield f"<title>{_text(note)}</title>"
    yield (
        f'<rect class="{look.strip()}" x="{x:.1f}" y="{y:.1f}" width="{box.width:.1f}" '
        f'height="{box.height:.1f}" rx="{radius}"/>'
    )
    for number, line in enumerate(box.lines):
        place = f'x="{x + PADDING:.1f}" y="{y + PADDING / 2 + 12 + number * LINE:.1f}"'
        look = ' class="note"' if number else ""
        yield f"<text {place}{look}>{_text(line)}</text>"
    yield "</a>" if box.mark.link else "</g>"
    yield from _inside(box, x, y)


def _arrow(edge: Edge, route: Route) -> Iterator[str]:
    if not route:
        return
    *_, (x, y, _) = route
    ways = [*route[:-1], (x, y - HEAD, y - HEAD)]
    path = f"M{ways[0][0]:.1f} {ways[0][1]:.1f}V{ways[0][2]:.1f}"
    for (left, _, start), (right, end, straight) in pairwise(ways):
        half = (start + end) / 2
        path += f"C{left:.1f} {half:.1f} {right:.1f} {half:.1f} {right:.1f} {end:.1f}"
        path += f"V{straight:.1f}"
    what = ", ".join(edge.data) or "waits for it"
    title = f"{edge.source} → {edge.target}: {what}"
    look = "wire" if edge.data else "wire dashed"
    yield f'<g><title>{_text(title)}</title><path class="{look}" d="{path}"/>'
    head = f"M{x:.1f} {y:.1f}l-4 -{HEAD + 1:.0f}h8z"
    yield f'<path class="head" d="{head}"/></g>'


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _text(text: str) -> str:
    """Return text as XML takes it: escaped, and without characters that XML does not know."""
    return escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text))
