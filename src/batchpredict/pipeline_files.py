"""Find a compiled pipeline, and check the parameters of a run against what it declares.

Nothing of KFP is imported: the compiled file says all there is to know.
"""

import difflib
import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from batchpredict.errors import UsageError
from batchpredict.yaml_reading import MAX_DEPTH, load_documents, safe_loader

LARGEST_INTEGER = 2**53
MAX_SHOWN = 200


@dataclass(frozen=True)
class CompiledPipeline:
    """A compiled pipeline file.

    Attributes:
        name: Its name in ``pipelineInfo``.
        path: Where it was read from.
        text: The file as it is.
        spec: The document that it holds.
        platforms: What a second document says for platforms other than Vertex AI.
        template_uri: The address of its version in Artifact Registry, "" for a file.
    """

    name: str
    path: Path
    text: str
    spec: Mapping[str, Any]
    platforms: Mapping[str, Any] = field(default_factory=dict)
    template_uri: str = ""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The declared parameters of the pipeline by name."""
        root = self.spec["root"].get("inputDefinitions", {})
        return dict(root.get("parameters", {}))


def compiled_folder() -> Path:
    """Return the folder of the compiled pipelines that belong to this package."""
    return Path(str(resources.files("batchpredict.compiled")))


def pipeline_names() -> list[str]:
    """Return the names of the compiled pipelines of this package."""
    return sorted(path.stem for path in compiled_folder().glob("*.yaml"))


def unknown(kind: str, name: str, known: Sequence[str]) -> str:
    """Return a line that says what is not there, what was probably meant, and what there is."""
    near = difflib.get_close_matches(name, known, 1, 0.5)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return f"there is no {kind} {name!r}{hint} There are: {', '.join(sorted(known)) or 'none'}"


def read_pipeline(name: str) -> CompiledPipeline:
    """Return the pipeline of this name, or in this file when ``name`` ends in .yaml or .yml.

    Raises:
        UsageError: There is none (E101), or the file is not a compiled pipeline (E102).
    """
    is_file = name.endswith((".yaml", ".yml"))
    path = Path(name) if is_file else compiled_folder() / f"{name}.yaml"
    if not is_file and name not in pipeline_names():
        raise UsageError("E101", unknown("pipeline", name, pipeline_names()))
    try:
        text = path.read_bytes().decode()  # read_text would change the ends of lines
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("E102", f"cannot read {path}: {error}") from error
    return pipeline_of_text(text, path)


def pipeline_of_text(text: str, path: str | Path) -> CompiledPipeline:
    """Return the pipeline that a text holds.

    Args:
        text: What a compiled file holds.
        path: What to call it.

    Raises:
        UsageError: It is not a compiled pipeline (E102).
    """
    path = Path(path)
    spec, platforms = _load_yaml(text, path)
    name = str(spec["pipelineInfo"].get("name", ""))
    return CompiledPipeline(name, path, text, spec, platforms)


def _load_yaml(text: str, path: Path) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the pipeline, and the platforms of a second document."""
    import yaml

    try:
        spec, second, *_ = [*load_documents(text, safe_loader()), None, None]
    except (yaml.YAMLError, ValueError) as error:  # a date such as 2026-13-01 is a ValueError
        problem = " ".join(str(error).split())
        raise UsageError("E102", f"{path} is not YAML as KFP writes it: {problem}") from error
    wanted = ("root", "pipelineInfo", "deploymentSpec")
    if not isinstance(spec, dict) or any(not isinstance(spec.get(key), dict) for key in wanted):
        raise UsageError("E102", f"{path} is not a compiled pipeline; compile it with KFP first")
    _check_declarations(spec, path)
    platforms = second.get("platforms") if isinstance(second, dict) else None
    return spec, platforms if isinstance(platforms, dict) else {}


def _check_declarations(spec: Mapping[str, Any], path: Path) -> None:
    """Refuse parameters that are not declared as KFP does."""
    inputs = spec["root"].get("inputDefinitions", {})
    declared = inputs.get("parameters", {}) if isinstance(inputs, dict) else None
    items = declared.items() if isinstance(declared, dict) else [("inputDefinitions", None)]
    for name, item in items:
        kind = item.get("parameterType") if isinstance(item, dict) else None
        if not isinstance(name, str) or not isinstance(kind, str):
            message = (
                f"{path} is not a compiled pipeline: it does not declare {name!r} as KFP does"
            )
            raise UsageError("E102", message)


def parse_parameters(pipeline: CompiledPipeline, assignments: Sequence[str]) -> dict[str, Any]:
    """Return the parameters that ``name=value`` texts stand for, typed as the pipeline declares.

    Raises:
        UsageError: A text without ``=``, an unknown or missing parameter, or a value that is not
            of the declared type.
    """
    values = read_assignments(pipeline, assignments)
    check_required(pipeline, values)
    return values


def read_assignments(pipeline: CompiledPipeline, assignments: Sequence[str]) -> dict[str, Any]:
    """Return the parameters that ``name=value`` texts stand for; others may be missing.

    Raises:
        UsageError: A text without ``=``, an unknown parameter, or a value that is not of the
            declared type.
    """
    declared = pipeline.parameters
    values: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise UsageError("E103", f"{assignment!r} is not of the form name=value")
        if name in values:
            raise UsageError("E103", f"parameter {name!r} is given twice")
        if name not in declared:
            raise UsageError(
                "E104", f"{pipeline.name}: {unknown('parameter', name, list(declared))}"
            )
        values[name] = _convert(name, text, declared[name]["parameterType"])
    return values


def local_files(parameters: Mapping[str, Any]) -> dict[str, Path]:
    """Return the parameters that name a file of this machine: ``…_uri`` without a scheme.

    Raises:
        UsageError: There is no such file.
    """
    return {
        name: _readable_file(name, value)
        for name, value in parameters.items()
        if name.endswith("_uri") and isinstance(value, str) and value and "://" not in value
    }


def _readable_file(name: str, text: str) -> Path:
    try:
        path = Path(text).expanduser()
        with path.open("rb"):
            return path
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        shown = text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
        message = f"parameter {name!r}: there is no file {shown!r} to read: {reason}"
        raise UsageError("E107", message) from error


def missing_parameters(pipeline: CompiledPipeline, given: Collection[str]) -> list[str]:
    """Return the parameters without a default that are not among those that are given."""
    return [
        name
        for name, spec in pipeline.parameters.items()
        if name not in given and "defaultValue" not in spec and not spec.get("isOptional")
    ]


def check_required(pipeline: CompiledPipeline, values: Mapping[str, Any]) -> None:
    """Refuse a run that lacks a parameter without a default."""
    missing = missing_parameters(pipeline, values)
    if missing:
        example = " ".join(f"-p {name}=…" for name in missing)
        raise UsageError("E106", f"{pipeline.name} needs {', '.join(missing)}: add {example}")


def _convert(name: str, text: str, kind: str) -> Any:
    unreadable = (_refuse, f"a {kind.lower()}, which only a task can give")
    read, meaning = _READERS.get(kind, unreadable)
    try:
        value = read(text)
        _check_value(value, MAX_DEPTH)
        return value
    except (ValueError, OverflowError, RecursionError) as error:
        text = text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
        message = f"parameter {name!r} takes {meaning}, not {text!r}"
        raise UsageError("E105", message) from error


def typed_value(value: Any, kind: str) -> Any:
    """Return a value of a configuration file as a parameter of this type.

    Raises:
        ValueError: It is of another type, or cannot be carried unchanged.
    """
    types, meaning = _TYPES.get(kind, ((), "what only a task can give"))
    fits = isinstance(value, types) and isinstance(value, bool) == (kind == "BOOLEAN")
    try:
        if not fits:
            raise ValueError(value)
        json.dumps(value, allow_nan=False)
        _check_value(value, MAX_DEPTH)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        text = repr(value)
        text = text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
        raise ValueError(f"takes {meaning}, not {text}") from error
    return float(value) if kind == "NUMBER_DOUBLE" else value


def _check_value(value: Any, depth: int) -> None:
    """Refuse what a pipeline parameter cannot carry unchanged: its numbers are doubles."""
    if depth == 0:
        raise ValueError("nested too deeply")
    if isinstance(value, str):
        value.encode()  # half a surrogate pair is no text
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        raise ValueError("not exact as a double")
    if isinstance(value, dict):
        _check_value(list(value), depth)
        value = list(value.values())
    for item in value if isinstance(value, list) else ():
        _check_value(item, depth - 1)


def _refuse(text: str) -> Any:
    raise ValueError(text)


def _read_number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _read_boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def _json_of(kind: type) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        value = json.loads(text)
        if not isinstance(value, kind):
            raise ValueError(text)
        json.dumps(value, allow_nan=False)  # Python reads NaN and 1e999, JSON has neither
        return value

    return read


_READERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "STRING": (str, "text"),
    "NUMBER_INTEGER": (int, "a whole number such as 3"),
    "NUMBER_DOUBLE": (_read_number, "a number such as 0.5"),
    "BOOLEAN": (_read_boolean, "true or false"),
    "LIST": (_json_of(list), 'a JSON list such as ["a", "b"]'),
    "STRUCT": (_json_of(dict), 'a JSON object such as {"a": 1}'),
}

_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "STRING": ((str,), "a text; put it into quotes"),
    "NUMBER_INTEGER": ((int,), "a whole number such as 3"),
    "NUMBER_DOUBLE": ((int, float), "a number such as 0.5"),
    "BOOLEAN": ((bool,), "true or false"),
    "LIST": ((list,), "a list"),
    "STRUCT": ((dict,), "keys and values"),
}
