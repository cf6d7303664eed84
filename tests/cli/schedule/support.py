"""A small compiled pipeline, in the forms that the tests of schedules need."""

from typing import Any


def pipeline(name: str = "nothing", *command: str, **more: Any) -> dict[str, Any]:
    """Return a compiled pipeline of one step with two parameters."""
    step = {"image": "python:3.11-slim", "command": list(command or ("true",))}
    inputs = {
        "text": {"parameterType": "STRING", "defaultValue": "-"},
        "count": {"parameterType": "NUMBER_INTEGER", "defaultValue": 1},
    }
    task = {"componentRef": {"name": "comp-a"}, "taskInfo": {"name": "a"}}
    executors = {"exec-a": {"container": step}}
    components = {"comp-a": {"executorLabel": "exec-a"}}
    tasks = {"a": task}
    for extra in more.get("steps", ()):
        executors[f"exec-{extra}"] = {"container": step}
        components[f"comp-{extra}"] = {"executorLabel": f"exec-{extra}"}
        tasks[extra] = {"componentRef": {"name": f"comp-{extra}"}, "taskInfo": {"name": extra}}
    return {
        "pipelineInfo": {"name": name},
        "schemaVersion": "2.1.0",
        "components": components,
        "deploymentSpec": {"executors": executors},
        "root": {"dag": {"tasks": tasks}, "inputDefinitions": {"parameters": inputs}},
    }
