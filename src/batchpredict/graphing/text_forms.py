"""A graph in the languages of other tools: Mermaid and Graphviz's dot."""

from collections.abc import Iterator

from batchpredict.graphing.model import Edge, Node

MOST = 3  # names on an edge; more would push the nodes apart
SHAPES = {"importer": "cylinder", "at exit": "octagon"}
MERMAID = {"importer": ("[(", ")]"), "at exit": ("{{", "}}")}


def names_of(edge: Edge) -> str:
    """Return what stands on an edge: the first names of what is handed over."""
    more = len(edge.data) - MOST
    return ", ".join(edge.data[:MOST]) + (f" and {more} more" if more > 0 else "")


def title_of(node: Node) -> str:
    """Return the title of a group: its name, with its condition or what it loops over."""
    return f"{node.label}: {node.note}" if node.note else node.label


def _numbers(root: Node) -> dict[str, str]:
    """Return an identifier for each path: a name may hold anything."""

    def walk(node: Node) -> Iterator[str]:
        for it in node.inner:
            yield it.path
            yield from walk(it)

    return {path: f"n{number}" for number, path in enumerate(walk(root))}


def to_mermaid(root: Node) -> str:
    """Return a graph as a Mermaid flowchart, as GitHub shows it in Markdown.

    Args:
        root: The whole graph.
    """
    return "\n".join(["flowchart TD", *_mermaid(root, _numbers(root), "    ")]) + "\n"


def _mermaid(node: Node, numbers: dict[str, str], indent: str) -> Iterator[str]:
    for it in node.inner:
        number = numbers[it.path]
        if it.inner:
            yield f'{indent}subgraph {number}["{_html(title_of(it))}"]'
            yield from _mermaid(it, numbers, f"{indent}    ")
            yield f"{indent}end"
        else:
            left, right = MERMAID.get(it.kind, ("[", "]"))
            yield f'{indent}{number}{left}"{_html(title_of(it))}"{right}'
    for edge in node.edges:
        source, target = numbers[edge.source], numbers[edge.target]
        label = f'|"{_html(names_of(edge))}"|' if edge.data else ""
        yield f"{indent}{source} {'-->' if edge.data else '-.->'}{label} {target}"


def _html(text: str) -> str:
    """Return text as Mermaid takes it between quotes: by the numbers of its characters."""
    return "".join(
        c if c.isalnum() or c in " _-.,:'=()/" else f"#{ord(c)};" for c in " ".join(text.split())
    )


def to_dot(root: Node) -> str:
    """Return a graph in the language of Graphviz.

    Args:
        root: The whole graph.
    """
    head = [
        f"digraph {_quoted(root.label)} {{",
        "    compound=true; rankdir=TB;",
        '    node [shape=box, style=rounded, fontname="Helvetica"];',
        '    edge [fontname="Helvetica", fontsize=10];',
        '    graph [fontname="Helvetica"];',
    ]
    return "\n".join([*head, *_dot(root, _numbers(root), "    "), "}"]) + "\n"


def _dot(node: Node, numbers: dict[str, str], indent: str) -> Iterator[str]:
    for it in node.inner:
        number = numbers[it.path]
        if it.inner:
            yield f"{indent}subgraph cluster_{number} {{"
            yield f"{indent}    label={_quoted(title_of(it))};"
            yield from _dot(it, numbers, f"{indent}    ")
            yield f"{indent}}}"
        else:
            shape = f", shape={SHAPES[it.kind]}" if it.kind in SHAPES else ""
            yield f"{indent}{number} [label={_quoted(title_of(it))}{shape}];"
    nodes = {it.path: it for it in node.inner}
    for edge in node.edges:
        yield indent + _dot_edge(edge, nodes, numbers)


def _dot_edge(edge: Edge, nodes: dict[str, Node], numbers: dict[str, str]) -> str:
    """Return an edge; one of a cluster ends at a step inside, and is cut off at the border."""
    source, target = nodes[edge.source], nodes[edge.target]
    marks = []
    if source.inner:
        marks.append(f"ltail=cluster_{numbers[source.path]}")
    if target.inner:
        marks.append(f"lhead=cluster_{numbers[target.path]}")
    marks.append(f"label={_quoted(names_of(edge))}" if edge.data else "style=dashed")
    last = [*source.steps()][-1] if source.inner else source
    first = next(target.steps()) if target.inner else target
    return f"{numbers[last.path]} -> {numbers[first.path]} [{', '.join(marks)}];"


def _quoted(text: str) -> str:
    text = " ".join(text.split()).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c for c in text if c.isprintable()) + '"'
