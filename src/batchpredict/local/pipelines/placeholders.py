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
STRUCTURED = ('{"Concat": ', '{"IfPresent": ')


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
    if isinstance(value, dict):
        return {k: resolve_constant(item, parameters, constants) for k, item in value.items()}
    if not isinstance(value, str):
        return value
    inputs = {"inputs": {"parameterValues": dict(parameters)}}
    whole = PLACEHOLDER.fullmatch(value)
    if whole and (channel := CHANNEL.fullmatch(whole[1])) and channel["kind"] == "parameters":
        return parameters.get(channel["name"])  # alone in its place, a value keeps its type
    return PLACEHOLDER.sub(lambda match: _text(_lookup(match[1], inputs, constants)), value)


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
        return _text(_lookup(match[1], executor_input, constants, mount))

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


def _text(value: Any) -> str:
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
        text = _text(_lookup(escape["what"], executor_input, constants, mount))
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
    if path in (".outputs.output_file", ".outputMetadataUri"):
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
