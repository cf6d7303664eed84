"""Whether each Python step of a compiled pipeline carries all that it names; nothing is run."""

import ast
import builtins
import dis
import warnings
from collections.abc import Iterator, Mapping
from types import CodeType
from typing import Any

from batchpredict.carrying import MAX_SOURCE_BYTES, READS, names_used
from batchpredict.linting.findings import Finding

MODULE_NAMES = {"__file__", "__annotations__"}
# What `from kfp.dsl import *` gives. KFP takes half a second to import; a test compares.
KFP_NAMES = frozenset(
    [
        "Artifact",
        "ClassificationMetrics",
        "Collected",
        "ConcatPlaceholder",
        "Condition",
        "ContainerSpec",
        "Dataset",
        "Elif",
        "Else",
        "ExitHandler",
        "HTML",
        "If",
        "IfPresentPlaceholder",
        "Input",
        "InputPath",
        "KubernetesWorkspaceConfig",
        "Markdown",
        "Metrics",
        "Model",
        "OneOf",
        "Output",
        "OutputPath",
        "PIPELINE_JOB_CREATE_TIME_UTC_PLACEHOLDER",
        "PIPELINE_JOB_ID_PLACEHOLDER",
        "PIPELINE_JOB_NAME_PLACEHOLDER",
        "PIPELINE_JOB_RESOURCE_NAME_PLACEHOLDER",
        "PIPELINE_JOB_SCHEDULE_TIME_UTC_PLACEHOLDER",
        "PIPELINE_ROOT_PLACEHOLDER",
        "PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER",
        "PIPELINE_TASK_EXECUTOR_OUTPUT_PATH_PLACEHOLDER",
        "PIPELINE_TASK_ID_PLACEHOLDER",
        "PIPELINE_TASK_NAME_PLACEHOLDER",
        "ParallelFor",
        "PipelineConfig",
        "PipelineTask",
        "PipelineTaskFinalStatus",
        "SlicedClassificationMetrics",
        "TaskConfig",
        "TaskConfigField",
        "TaskConfigPassthrough",
        "WORKSPACE_PATH_PLACEHOLDER",
        "WorkspaceConfig",
        "component",
        "container_component",
        "get_uri",
        "importer",
        "notebook_component",
        "pipeline",
        "run_notebook",
    ]
)


def step_findings(spec: Mapping[str, Any]) -> list[Finding]:
    """Return what is wrong with the sources that the steps of a compiled pipeline carry."""
    return [
        Finding("E121", label.removeprefix("exec-"), text)
        for label, source in sorted(_sources(spec))
        for text in _faults(source)
    ]


def _sources(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield label and source of each executor that KFP made of a Python function."""
    executors = spec["deploymentSpec"].get("executors")
    for label, executor in executors.items() if isinstance(executors, dict) else ():
        container = executor.get("container") if isinstance(executor, dict) else None
        command = container.get("command") if isinstance(container, dict) else None
        source = command[-1] if isinstance(command, list) and command else ""
        if isinstance(source, str) and "import kfp" in source and "def " in source:
            yield str(label), source


def _faults(source: str) -> Iterator[str]:
    try:
        missing = sorted(undefined_names(source))
    except (SyntaxError, ValueError, RecursionError) as error:
        yield f"its source is no Python that this version reads: {error}"
        return
    if missing:
        yield f"does not carry {', '.join(missing)}; list functions in additional_funcs"
    size = len(source.encode())
    if size > MAX_SOURCE_BYTES:
        yield f"is {size:,} bytes long; a step starts up to {MAX_SOURCE_BYTES:,}"


def undefined_names(source: str) -> set[str]:
    """Return the globals that a source reads but does not define, as far as can be told.

    Raises:
        SyntaxError: It is no Python.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a stranger's escapes
        tree = ast.parse(source)
        module = compile(tree, "<step>", "exec")
    stars = {
        str(node.module)
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
    }
    if stars - {"kfp.dsl", "typing"}:  # it may give any name
        return set()
    read, stored = names_used(module)
    outer_read, outer_stored = _outer_names(module)
    known = {*dir(builtins), *MODULE_NAMES, *_star_names(stars)}
    return (read | outer_read) - stored - outer_stored - known


def _outer_names(module: CodeType) -> tuple[set[str], set[str]]:
    """Return the names that a module reads itself, in annotations and defaults, and stores."""
    steps = [(step.opname, step.argval) for step in dis.get_instructions(module)]
    return (
        {name for operation, name in steps if operation in READS},
        {name for operation, name in steps if operation == "STORE_NAME"},
    )


def _star_names(stars: set[str]) -> set[str]:
    import typing

    names = set(KFP_NAMES) if "kfp.dsl" in stars else set()
    return names | (set(typing.__all__) if "typing" in stars else set())
