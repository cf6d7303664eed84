"""The pipelines that a name may stand for, and the parameters of their runs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from batchpredict.config.settings import Settings
from batchpredict.errors import UsageError
from batchpredict.pipeline_files import (
    CompiledPipeline,
    check_required,
    pipeline_names,
    read_assignments,
    read_pipeline,
    typed_value,
    unknown,
)


def own_pipelines(settings: Settings) -> dict[str, Path]:
    """Return the compiled pipelines of the user's own by name."""
    folder = settings.compiled
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))} if folder else {}


def find_pipeline(name: str, settings: Settings) -> CompiledPipeline:
    """Return the pipeline in this file, or of this name: the user's own before ours.

    Raises:
        UsageError: There is none (E101), or the file is not a compiled pipeline (E102).
    """
    own = own_pipelines(settings)
    if name in own:
        return read_pipeline(str(own[name]))
    if not name.endswith((".yaml", ".yml")) and name not in pipeline_names():
        raise UsageError("E101", unknown("pipeline", name, [*own, *pipeline_names()]))
    return read_pipeline(name)


def run_parameters(
    compiled: CompiledPipeline, settings: Settings, assignments: Sequence[str]
) -> dict[str, Any]:
    """Return the parameters of a run: those of the file, and ``name=value`` texts over them.

    Raises:
        UsageError: A value of the file is wrong (E413), or of a text, or one is missing.
    """
    values, faults = file_parameters(compiled, settings)
    if faults:
        raise UsageError("E413", "; ".join(f"{place}: {text}" for place, text in faults))
    values |= read_assignments(compiled, assignments)
    try:
        check_required(compiled, values)
    except UsageError as error:
        if settings.environment or not settings.environments:
            raise
        choices = ", ".join(settings.environments)
        message = f"{error.message}, or choose an environment with --env: {choices}"
        raise UsageError(error.code, message) from error
    return values


def file_parameters(
    compiled: CompiledPipeline, settings: Settings
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return the values of the file for a pipeline, and (place, what is wrong) for the others."""
    pipeline = compiled.path.stem
    values: dict[str, Any] = {}
    faults: list[tuple[str, str]] = []
    for name, value in settings.parameters_of(pipeline).items():
        place = settings.origin(f"parameters.{pipeline}.{name}")
        try:
            values[name] = _value(compiled.parameters, name, value)
        except ValueError as error:
            faults.append((place, str(error)))
    return values, faults


def _value(declared: Mapping[str, Any], name: str, value: Any) -> Any:
    if name not in declared:
        raise ValueError(unknown("parameter", name, list(declared)))
    return typed_value(value, declared[name]["parameterType"])
