"""Resolve the placeholders of compiled pipelines, in one pass: a value is never resolved again.

kfp.local has a resolver that lacks the placeholders of Vertex AI, and that resolves text which
came in as a parameter.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

PLACEHOLDER = re.compile(r"\{\{\$((?:\.[^{}]*)?)\}\}")
CHANNEL = re.compile(
    r"\.(?P<side>inputs|outputs)\.(?P<kind>parameters|artifacts)"
    r"\[(?:'|\")(?P<name>.+?)(?:'|\")\](?P<rest>.*)"
)
KEYS = re.compile(r"\['([^']+)'\]")
KEYED = re.compile(rf"\.metadata({KEYS.pattern})*")
ESCAPE = re.compile(r"(?P<what>.*)\.json_escape\[(?P<depth>\d)\]")
WHOLE = re.compile(r"\{\{\$(?:\.json_escape\[(\d)\])?\}\}")
CONSTANTS = frozenset(
    {
        ".pipeline_encryption_key_name",
        ".pipeline_google_cloud_location",
        ".pipeline_google_cloud_project_id",
        ".pipeline_job_create_time_utc",
        ".pipeline_job_name",
        ".pipeline_job_resource_name",
        ".pipeline_job_schedule_time_utc",
        ".pipeline_job_uuid",
        ".pipeline_network",
        ".pipeline_persistent_resource_id",
        ".pipeline_root",
        ".pipeline_service_account",
        ".pipeline_task_name",
        ".pipeline_task_uuid",
    }
)
OUTPUT_FILES = (".outputs.output_file", ".outputMetadataUri")
STRUCTURED = ('{"Concat": ', '{"IfPresent": ')


class OwnText(str):
    """A text of the pipeline that holds the executor input of the task which it is given to.

    Google's component for custom jobs has such texts in its worker pools. A text that came in as
    a parameter is never one.
    """

    __slots__ = ()


def plain_numbers(value: Any) -> Any:
    """Return ``value`` with whole floats as integers.

    Protobuf keeps every number as a double; the managed service writes 10, not 10.0.
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [plain_numbers(item) for item in value]
    if isinstance(value, dict):
        return {key: plain_numbers(item) for key, item in value.items()}
    return value


def resolve_constant(
    value: Any, parameters: Mapping[str, Any], constants: Mapping[str, str]
) -> Any:
    """Resolve the placeholders inside a constant argument or default of a task."""
    if isinstance(value, list):
        return [resolve_constant(item, parameters, constants) for item in value]
    if isinstance(value, dict):  # the key of an importer's metadata may come from a parameter
        items = [(str(k), item) for k, item in value.items()]
        names = [resolve_constant(name, parameters, constants) for name, _ in items]
        values = [resolve_constant(item, parameters, constants) for _, item in items]
        return {text_of(name): item for name, item in zip(names, values, strict=True)}
    if not isinstance(value, str):
        return value
    inputs = {"inputs": {"parameterValues": dict(parameters)}}
    whole = PLACEHOLDER.fullmatch(value)
    if whole and (channel := CHANNEL.fullmatch(whole[1])) and channel["kind"] == "parameters":
        return parameters.get(channel["name"])  # alone in its place, a value keeps its type

    def fill(match: re.Match[str]) -> str:
        if WHOLE.fullmatch(match[0]):
            return match[0]
        return text_of(_lookup(match[1], inputs, constants))

    text = PLACEHOLDER.sub(fill, value)
    return OwnText(text) if WHOLE.search(value) else text


def resolve_command(
    command: Sequence[str],
    executor_input: Mapping[str, Any],
    constants: Mapping[str, str],
    mount: str = "/gcs/",
) -> list[str]:
    """Return the arguments of a container command, every placeholder resolved.

    Args:
        command: Command and arguments as compiled; an item may be a ``Concat`` or ``IfPresent``.
        executor_input: The task's ``ExecutorInput`` as JSON.
        constants: Values of the placeholders of the pipeline and the task, by name.
        mount: Where the step finds ``gs://``.
    """

    def fill(match: re.Match[str]) -> str:
        found = _lookup(match[1], executor_input, constants, mount)
        return text_of(found if match[1] == "" else _with_own(found, executor_input))

    present = _present(executor_input)
    arguments: list[str] = []
    for item in command:
        parsed = json.loads(item) if item.startswith(STRUCTURED) else item
        arguments += _flatten(parsed, present, lambda text: PLACEHOLDER.sub(fill, text))
    return arguments


def _present(executor_input: Mapping[str, Any]) -> set[str]:
    inputs = executor_input.get("inputs", {})
    values = inputs.get("parameterValues", {})
    given = {name for name, value in values.items() if value is not None}
    return given | set(inputs.get("artifacts", {}))


def _flatten(item: Any, present: set[str], fill: Callable[[str], str]) -> list[str]:
    """Return the arguments that a piece of a structured placeholder stands for."""
    if item is None:
        return []
    if isinstance(item, str):
        return [fill(item)]
    if isinstance(item, list):
        return [text for part in item for text in _flatten(part, present, fill)]
    if "Concat" in item:
        return ["".join(text for part in item["Concat"] for text in _flatten(part, present, fill))]
    condition = item["IfPresent"]
    branch = "Then" if condition["InputName"] in present else "Else"
    return _flatten(condition.get(branch), present, fill)


def _with_own(value: Any, executor_input: Mapping[str, Any]) -> Any:
    """Put the executor input into the texts of the pipeline inside a list or dictionary.

    The text that is made of them escapes it once, so that it is escaped once less here.
    """

    def fill(match: re.Match[str]) -> str:
        escapes = max(int(match[1] or 0) - 1, 0)
        return str(_lookup(f".json_escape[{escapes}]", executor_input, {}))

    if isinstance(value, list):
        return [_with_own(item, executor_input) for item in value]
    if isinstance(value, dict):
        return {key: _with_own(item, executor_input) for key, item in value.items()}
    return WHOLE.sub(fill, value) if isinstance(value, OwnText) else value


def text_of(value: Any) -> str:
    """Return what stands for a value inside a text: a text itself, all else as JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _lookup(
    path: str,
    executor_input: Mapping[str, Any],
    constants: Mapping[str, str],
    mount: str = "/gcs/",
) -> Any:
    if path == "":
        return executor_input
    if escape := ESCAPE.fullmatch(path):
        text = text_of(_lookup(escape["what"], executor_input, constants, mount))
        for _ in range(int(escape["depth"])):
            text = json.dumps(text, ensure_ascii=False)[1:-1]
        return text
    if path in constants:
        return constants[path]
    channel = CHANNEL.fullmatch(path)
    if channel and _is_declared(channel, executor_input):
        if channel["kind"] == "parameters":
            return _parameter(channel["side"], channel["name"], executor_input)
        found = _artifact(channel["side"], channel["name"], executor_input)
        return None if found is None else _attribute(found, channel["rest"], mount)
    if path in OUTPUT_FILES:
        return executor_input["outputs"]["outputFile"]
    raise ValueError(f"E343 the placeholder {{{{${path}}}}} is not known on this machine")


def _is_declared(channel: re.Match[str], executor_input: Mapping[str, Any]) -> bool:
    """Whether there is such an output; an input may be left out, and stands for null."""
    side, kind, name, rest = channel.groups()
    if kind == "parameters":
        is_known = rest == ("" if side == "inputs" else ".output_file")
    else:
        is_known = rest in (".uri", ".name", ".path") or KEYED.fullmatch(rest) is not None
    return is_known and (side == "inputs" or name in executor_input[side].get(kind, {}))


def _parameter(side: str, name: str, executor_input: Mapping[str, Any]) -> Any:
    if side == "outputs":
        return executor_input["outputs"]["parameters"][name]["outputFile"]
    return executor_input.get("inputs", {}).get("parameterValues", {}).get(name)


def _artifact(side: str, name: str, executor_input: Mapping[str, Any]) -> Any:
    lists = executor_input.get(side, {}).get("artifacts", {})
    artifacts = lists.get(name, {}).get("artifacts", [])
    return artifacts[0] if artifacts else None


def _attribute(artifact: Mapping[str, Any], rest: str, mount: str) -> Any:
    if rest in (".uri", ".name"):
        return artifact.get(rest[1:], "")
    if rest == ".path":
        return re.sub("^gs://", lambda _: mount, artifact["uri"])
    value: Any = artifact.get("metadata", {})
    for key in KEYS.findall(rest):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def unknown_placeholder(text: str) -> str:
    """Return the first placeholder in a text that has no meaning anywhere, or ""."""
    for match in PLACEHOLDER.finditer(text):
        path = match[1]
        while escape := ESCAPE.fullmatch(path):
            path = escape["what"]
        is_known = path == "" or path in CONSTANTS or path in OUTPUT_FILES
        if not is_known and CHANNEL.fullmatch(path) is None:
            return path
    return ""
