"""The graph of a compiled file, and how it is written and drawn."""

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from kfp import dsl
from kfp.compiler import Compiler

from batchpredict.graphing.contents import component_paths, contents_of
from batchpredict.graphing.drawing import Mark, to_svg
from batchpredict.graphing.model import Edge, Node, graph_of
from batchpredict.graphing.text_forms import to_dot, to_mermaid
from batchpredict.pipeline_files import CompiledPipeline, compiled_folder, read_pipeline

IMAGE = "python:3.11-slim"
SVG = "{http://www.w3.org/2000/svg}"
OURS = [*compiled_folder().glob("*.yaml"), *component_paths().values()]


@dsl.component(base_image=IMAGE, packages_to_install=["numpy>=2,<3", "duckdb[x]==2.0"])
def make(text: str, out: dsl.Output[dsl.Dataset]) -> str:
    return text + out.uri


@dsl.component(base_image=IMAGE)
def use(data: dsl.Input[dsl.Dataset], text: str = "") -> str:
    return text + data.uri


@dsl.component(base_image=IMAGE)
def tell(status: dsl.PipelineTaskFinalStatus):
    print(status)


@dsl.pipeline(name="all-shapes", description="Every shape.\nThat there is.")
def all_shapes(word: str = "a", many: list = ["x", "y"], count: int = 3):  # noqa: B006, ARG001
    with dsl.ExitHandler(tell(), name="watched"):
        made = make(text=word)
        with dsl.ParallelFor(many, parallelism=2) as one:
            use(data=made.outputs["out"], text=one)
        with dsl.If(made.outputs["Output"] == "a", name="is-a"):
            inner = use(data=made.outputs["out"])
            use(data=made.outputs["out"]).after(inner)
        with dsl.Elif(made.outputs["Output"] == "b", name="is-b"):
            use(data=made.outputs["out"])
        with dsl.Else(name="is-other"):
            use(data=made.outputs["out"])


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> CompiledPipeline:
    path = tmp_path_factory.mktemp("compiled") / "all_shapes.yaml"
    Compiler().compile(all_shapes, str(path))
    return read_pipeline(str(path))


def nodes(root: Node) -> Iterator[Node]:
    for node in root.inner:
        yield node
        yield from nodes(node)


def test_every_shape_is_seen(shapes: CompiledPipeline) -> None:
    found = {node.path: node for node in nodes(graph_of(shapes.spec))}
    kinds = Counter(node.kind for node in found.values())
    assert kinds == {"step": 6, "exit handler": 1, "at exit": 1, "loop": 1, "condition": 3,
                     "branches": 1}  # fmt: skip
    loop = next(node for node in found.values() if node.kind == "loop")
    assert loop.note == "for each of many, 2 at a time"
    branches = next(node for node in found.values() if node.kind == "branches")
    assert branches.inner[0].note == "make-Output == 'a'"
    assert branches.inner[2].note.startswith("not (make-Output == 'a') && not (")
    is_a = branches.inner[0]
    assert [(edge.source, edge.data) for edge in is_a.edges] == [(f"{is_a.path}/use-2", ())]


def test_an_edge_says_what_is_handed_over(shapes: CompiledPipeline) -> None:
    root = graph_of(shapes.spec)
    assert root.edges == (Edge("watched", "tell"),)
    [watched] = [node for node in root.inner if node.path == "watched"]
    handed = {edge.data for edge in watched.edges if edge.source == "watched/make"}
    assert handed == {("out",), ("out", "Output")}


def test_what_a_file_declares(shapes: CompiledPipeline) -> None:
    found = contents_of(shapes)
    assert found.description == "Every shape. That there is."
    assert {item.name: (item.type, item.default) for item in found.inputs} == {
        "word": ("str", "a"), "many": ("list", ["x", "y"]), "count": ("int", 3),
    }  # fmt: skip
    assert isinstance(next(it for it in found.inputs if it.name == "count").default, int)
    made = next(step for step in found.steps if step.path == "watched/make")
    assert made.image == IMAGE
    assert {"numpy>=2,<3", "duckdb[x]==2.0"} <= set(made.packages)
    assert not [it for it in found.packages if it.startswith("-")]


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_our_files_declare_steps_and_images(path: Path) -> None:
    found = contents_of(read_pipeline(str(path)))
    assert found.description
    assert found.steps
    assert all(step.image or step.kind == "importer" for step in found.steps)


# What Mermaid reads, as far as we write it: nodes, groups, arrows, all text between quotes.
TEXT = r'"[^"<>\\\n]*"'
LINES = [
    re.compile(line)
    for line in (
        r"flowchart TD",
        rf"(n\d+)(?:\[{TEXT}\]|\[\({TEXT}\)\]|\{{\{{{TEXT}\}}\}})",
        rf"subgraph (n\d+)\[{TEXT}\]",
        r"end",
        rf"(n\d+) (?:-->\|{TEXT}\||-\.->) (n\d+)",
    )
]


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_mermaid_is_well_formed(path: Path) -> None:
    check_mermaid(to_mermaid(graph_of(read_pipeline(str(path)).spec)))


def check_mermaid(text: str) -> None:
    known: set[str] = set()
    depth = 0
    for line in map(str.strip, text.splitlines()):
        [(kind, found)] = [(n, m) for n, form in enumerate(LINES) if (m := form.fullmatch(line))]
        depth += (kind == 2) - (kind == 3)
        if kind in (1, 2):
            known.add(found[1])
        assert kind != 4 or {found[1], found[2]} <= known
    assert depth == 0


DOT = re.compile(r'\s*("(?:[^"\\]|\\.)*"|\w+|->|[{}\[\];,=])')


def check_dot(text: str) -> None:
    """Read the tokens: quotes closed, brackets paired, arrows between known nodes only."""
    tokens: list[str] = []
    place = 0
    while text[place:].strip():
        found = DOT.match(text, place)
        assert found, text[place : place + 60]
        tokens.append(found[1])
        place = found.end()
    assert tokens.count("{") == tokens.count("}")
    assert tokens.count("[") == tokens.count("]")
    known = {a for a, b in itertools.pairwise(tokens) if b == "[" and re.fullmatch(r"n\d+", a)}
    for before, arrow, after in zip(tokens, tokens[1:], tokens[2:], strict=False):
        assert arrow != "->" or {before, after} <= known


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_dot_is_well_formed(path: Path) -> None:
    check_dot(to_dot(graph_of(read_pipeline(str(path)).spec)))


def boxes_of(image: ElementTree.Element) -> list[tuple[float, float, float, float]]:
    return [
        (float(it.get("x", 0)), float(it.get("y", 0)), float(it.get("width", 0)),
         float(it.get("height", 0)))
        for it in image.iter(f"{SVG}rect") if it.get("class", "").startswith("step")
    ]  # fmt: skip


def texts_of(image: ElementTree.Element) -> list[tuple[float, float, float, float]]:
    """Return where each line of text stands, as wide as a monospaced font makes it."""
    return [
        (float(it.get("x", 0)), float(it.get("y", 0)) - 10, 7.23 * len(it.text or ""), 12.0)
        for it in image.iter(f"{SVG}text")
    ]


def points_of(image: ElementTree.Element) -> Iterator[tuple[float, float]]:
    """Yield points all along each arrow."""
    for it in image.iter(f"{SVG}path"):
        if not it.get("class", "").startswith("wire"):
            continue
        x = y = 0.0
        for letter, rest in re.findall(r"([MVC])([^MVC]*)", it.get("d", "")):
            numbers = [float(number) for number in rest.split()]
            if letter == "M":
                x, y = numbers
            elif letter == "V":
                yield from ((x, y + (numbers[0] - y) * n / 20) for n in range(21))
                y = numbers[0]
            else:
                yield from (cubic((x, y), numbers, n / 20) for n in range(21))
                x, y = numbers[4:]


def cubic(start: tuple[float, float], numbers: list[float], t: float) -> tuple[float, float]:
    points = [start, *zip(numbers[::2], numbers[1::2], strict=True)]
    weights = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3]
    x, y = (sum(w * p[n] for w, p in zip(weights, points, strict=True)) for n in (0, 1))
    return x, y


def inside(point: tuple[float, float], box: tuple[float, float, float, float]) -> bool:
    x, y, width, height = box
    return x < point[0] < x + width and y + 0.5 < point[1] < y + height - 0.5


def check_drawing(text: str) -> None:
    image = ElementTree.fromstring(text)
    boxes = boxes_of(image)
    for one, other in itertools.combinations(boxes, 2):
        apart = (one[0] + one[2] <= other[0] or other[0] + other[2] <= one[0]
                 or one[1] + one[3] <= other[1] or other[1] + other[3] <= one[1])  # fmt: skip
        assert apart, (one, other)
    obstacles = [*boxes, *texts_of(image)]
    for point in points_of(image):
        assert not any(inside(point, it) for it in obstacles), point
    width, height = float(image.get("width", 0)), float(image.get("height", 0))
    for x, y, w, h in obstacles:
        assert x >= 0
        assert y >= 0
        assert x + w <= width
        assert y + h <= height


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_no_arrow_of_ours_crosses_a_step_or_a_text(path: Path) -> None:
    check_drawing(to_svg(graph_of(read_pipeline(str(path)).spec)))


def test_every_shape_is_drawn_and_written(shapes: CompiledPipeline) -> None:
    root = graph_of(shapes.spec)
    image = to_svg(root, {"watched/make": Mark("✗ failed", "bad", "#there")})
    check_drawing(image)
    assert len(boxes_of(ElementTree.fromstring(image))) == 7
    assert '<a href="#there">' in image
    check_mermaid(to_mermaid(root))
    check_dot(to_dot(root))


def test_an_arrow_goes_past_a_taller_neighbour() -> None:
    names = [f"a-step-with-a-long-name-{number}" for number in range(4)]
    chain = tuple(Edge(a, b, ("x",)) for a, b in itertools.pairwise(names))
    tall = Node("tall", "tall", "graph", inner=leaves(names), edges=chain)
    targets = [f"target-{number}" for number in range(6)]
    edges = tuple(Edge("short", target, ("x",)) for target in targets)
    inner = (*leaves(["short"]), tall, *leaves(targets))
    check_drawing(to_svg(Node("", "uneven", "graph", inner=inner, edges=edges)))


def leaves(names: list[str]) -> tuple[Node, ...]:
    return tuple(Node(name, name, "step") for name in names)


def test_layers_with_many_arrows_stay_clear() -> None:
    """Each of twelve steps takes from all before it."""
    names = [f"step-{number}" for number in range(12)]
    edges = tuple(Edge(a, b, ("x",)) for a, b in itertools.combinations(names, 2))
    check_drawing(to_svg(Node("", "dense", "graph", inner=leaves(names), edges=edges)))


@pytest.mark.parametrize("name", ['a"]-->b', "</text><script>alert(1)</script>", "\\", "x" * 300,
                                  "\x00\x1b[31m", "end", "]", "a\nb"])  # fmt: skip
def test_hostile_names_stay_text(name: str) -> None:
    leaf = Node(name, name, "step", note=name, image=name)
    group = Node("g", name, "condition", note=name, inner=(leaf,))
    last = Node("last", "last", "step")
    root = Node("", name, "graph", inner=(group, last), edges=(Edge("g", "last", (name,)),))
    check_mermaid(to_mermaid(root))
    check_dot(to_dot(root))
    image = to_svg(root)
    check_drawing(image)
    tags = {it.tag.removeprefix(SVG) for it in ElementTree.fromstring(image).iter()}
    assert tags <= {"svg", "title", "style", "rect", "g", "text", "path"}


def test_a_cycle_and_a_component_that_names_itself_end() -> None:
    """KFP writes neither, but a file may be anybody's."""
    task = {"componentRef": {"name": "comp-a"}, "dependentTasks": ["b"]}
    other = {"componentRef": {"name": "comp-a"}, "dependentTasks": ["a"]}
    again = {"again": {"componentRef": {"name": "comp-a"}}}
    spec = {
        "pipelineInfo": {"name": "odd"},
        "components": {"comp-a": {"dag": {"tasks": again}}},
        "root": {"dag": {"tasks": {"a": task, "b": other}}},
    }  # fmt: skip
    root = graph_of(spec)
    assert len(root.inner) == 2
    image = to_svg(root)
    assert image.count("<rect") > 2
