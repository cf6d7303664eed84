"""What a compiled file declares: inputs, outputs, steps, images, packages."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from batchpredict.graphing.model import Node, graph_of
from batchpredict.pipeline_files import CompiledPipeline, compiled_folder

TYPES = {
    "STRING": "str",
    "NUMBER_INTEGER": "int",
    "NUMBER_DOUBLE": "float",
    "BOOLEAN": "bool",
    "LIST": "list",
    "STRUCT": "dict",
}
INSTALL = re.compile(r"pip install(.*?)(?:&&|\n|$)", re.DOTALL)


@dataclass(frozen=True)
class Item:
    """An input or an output.

    Attributes:
        name: Its name.
        type: A Python type, or the schema of an artifact such as ``system.Dataset``.
        description: What its author says of it.
        is_required: Whether an input must be given.
        default: What an input is otherwise; None when it has no default.
    """

    name: str
    type: str
    description: str
    is_required: bool = False
    default: Any = None


@dataclass(frozen=True)
class Step:
    """A task that runs a container, or imports an artifact.

    Attributes:
        path: Its name with those of the graphs around it.
        kind: ``step``, ``importer`` or ``at exit``.
        image: What it runs in.
        packages: What it installs when it starts.
    """

    path: str
    kind: str
    image: str
    packages: tuple[str, ...]


@dataclass(frozen=True)
class Contents:
    """All that a compiled file declares."""

    name: str
    description: str
    path: Path
    inputs: tuple[Item, ...]
    outputs: tuple[Item, ...]
    steps: tuple[Step, ...]

    @property
    def images(self) -> list[str]:
        """The container images of all steps."""
        return sorted({step.image for step in self.steps if step.image})

    @property
    def packages(self) -> list[str]:
        """The packages that the steps install."""
        return sorted({package for step in self.steps for package in step.packages})

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            **asdict(self),
            "path": str(self.path),
            "images": self.images,
            "packages": self.packages,
        }


def component_paths(own: Path | None = None) -> dict[str, Path]:
    """Return the compiled components by name, those of a project before ours.

    Args:
        own: Folder of a project's compiled pipelines; its components are in ``components`` there.
    """
    folders = [compiled_folder(), *([own] if own else [])]
    return {
        path.stem: path
        for folder in folders
        for path in sorted((folder / "components").glob("*.yaml"))
    }


def contents_of(compiled: CompiledPipeline) -> Contents:
    """Return what a compiled file declares.

    Args:
        compiled: The file.
    """
    root = _dict(compiled.spec.get("root"))
    inputs, outputs = _items(root.get("inputDefinitions")), _items(root.get("outputDefinitions"))
    described = _dict(compiled.spec.get("pipelineInfo")).get("description")
    return Contents(
        name=compiled.path.stem,
        description=_joined(str(described or _header(compiled.text))),
        path=compiled.path,
        inputs=tuple(sorted(inputs, key=lambda item: not item.is_required)),
        outputs=tuple(outputs),
        steps=tuple(map(_step, graph_of(compiled.spec).steps())),
    )


def _header(text: str) -> str:
    """Return the description in the comment that KFP puts at the head of a file."""
    lines = []
    for line in text.splitlines():
        if line.startswith("# Description: "):
            lines.append(line.removeprefix("# Description: "))
        elif lines and line.startswith("#      "):
            lines.append(line[1:].strip())
        elif lines:
            break
    return "\n".join(lines)


def _joined(text: str) -> str:
    """Return text with its lines joined, its paragraphs apart."""
    return "\n\n".join(" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip()))


def _items(definitions: Any) -> Iterator[Item]:
    groups = _dict(definitions)
    for group in ("artifacts", "parameters"):
        for name, it in _dict(groups.get(group)).items():
            item = _dict(it)
            default = item.get("defaultValue")
            if item.get("parameterType") == "TASK_FINAL_STATUS":
                continue  # KFP fills it in
            if item.get("parameterType") == "NUMBER_INTEGER" and isinstance(default, float):
                default = int(default)  # the file carries every number as a double
            is_required = default is None and not item.get("isOptional")
            yield Item(name, _type(item), _joined(str(item.get("description") or "")),
                       is_required, default)  # fmt: skip


def _type(item: Mapping[str, Any]) -> str:
    if "artifactType" in item:
        title = str(_dict(item["artifactType"]).get("schemaTitle", "artifact"))
        return f"list of {title}" if item.get("isArtifactList") else title
    kind = str(item.get("parameterType"))
    return TYPES.get(kind, kind)


def _step(node: Node) -> Step:
    return Step(node.path, node.kind, node.image, tuple(_packages(node.command)))


def _packages(command: Sequence[str]) -> list[str]:
    """Return what the commands ``pip install`` of KFP's preamble name."""
    found: dict[str, None] = {}
    for text in command:
        for arguments in INSTALL.findall(text):
            found |= dict.fromkeys(_requirements(arguments))
    return list(found)


def _requirements(arguments: str) -> list[str]:
    try:
        words = shlex.split(arguments)
    except ValueError:  # the source of a step that speaks of pip
        return []
    return [word for word in words if re.match(r"[A-Za-z0-9]", word)]


def _dict(value: Any) -> Mapping[str, Any]:
    """Return the value if it is an object: the file may be anybody's."""
    return value if isinstance(value, dict) else {}
