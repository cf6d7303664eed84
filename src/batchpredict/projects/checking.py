"""All that can be said of a project before it runs: nothing is asked of the cloud."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from batchpredict.config.loading import config_file, file_problems, settings_of
from batchpredict.config.pipelines import file_parameters, find_pipeline, own_pipelines
from batchpredict.config.reading import read_file
from batchpredict.config.settings import Settings
from batchpredict.errors import UsageError
from batchpredict.linting.findings import lint
from batchpredict.linting.steps import step_findings
from batchpredict.pipeline_files import (
    CompiledPipeline,
    missing_parameters,
    pipeline_names,
    read_assignments,
    unknown,
)
from batchpredict.projects.sources import compare_sources, source_files

NEEDED = ("project", "location", "pipeline_root")


@dataclass(frozen=True)
class Row:
    """One thing that was found.

    Attributes:
        pipeline: As it was named, or "" for the configuration itself.
        environment: The one that it holds in, or "" when it holds whatever the environment.
        where: The step, the parameter, or the file and its key.
        code: ``E…`` for what must not run, ``W…`` for what should be looked at.
        message: What it is, and what to do.
    """

    pipeline: str
    environment: str
    where: str
    code: str
    message: str


@dataclass(frozen=True)
class Project:
    """What is checked.

    Attributes:
        settings: Those of each environment, or one without a name.
        names: The pipelines that were asked for; all of the user's own when there are none.
        rows: What was found when the configuration was read.
    """

    settings: Sequence[Settings]
    names: Sequence[str]
    rows: Sequence[Row] = field(default_factory=list)

    @property
    def sources(self) -> Path | None:
        """The folder of the user's own pipelines in Python."""
        folder = self.settings[0].sources
        return folder if folder and folder.is_dir() else None

    def own(self) -> list[str]:
        """Return the names of the user's own pipelines, compiled or not."""
        return sorted(_sourced(self) | own_pipelines(self.settings[0]).keys())


def open_project(
    names: Sequence[str], config: Path | None, environment: str | None, every: bool
) -> Project:
    """Return what is to be checked.

    Args:
        names: Pipelines of the user's own, of ours, or files.
        config: The configuration; None looks into the working folder.
        environment: The one to check; None takes that of BATCHPREDICT_ENV, else all of them.
        every: Check all of them even so.

    Raises:
        UsageError: There are two configurations, or no such environment.
    """
    path = config_file(config)
    content, rows = _read_configuration(path) if path else ({}, [])
    chosen = settings_of(content, path, "" if every else environment, {})
    wanted = chosen.environments if every or not chosen.environment else (chosen.environment,)
    found = [settings_of(content, path, it, {}) for it in wanted]
    return Project(found or [chosen], names, rows)


def _read_configuration(path: Path) -> tuple[dict[str, Any], list[Row]]:
    """Return a configuration without what is wrong in it, and what that is."""
    try:
        content = read_file(path)
    except UsageError as error:
        return {}, [Row("", "", str(path), error.code, error.message)]
    found = file_problems(content)
    rows = [Row("", "", f"{path}: {'.'.join(keys)}", "E410", text) for keys, text in found]
    for keys, _ in found:
        _remove(content, keys)
    return content, rows


def _remove(content: dict[Any, Any], keys: Sequence[str]) -> None:
    """Take a key out of a document, if it is still there."""
    *outer, last = keys
    place: Any = content
    for key in outer:
        place = place.get(key) if isinstance(place, dict) else None
    for key in list(place) if isinstance(place, dict) else ():
        if str(key) == last:
            del place[key]


def check_project(project: Project, assignments: Sequence[str]) -> tuple[int, list[Row]]:
    """Return how many pipelines were checked, and all that was found, in a stable order.

    Raises:
        UsageError: A pipeline that was asked for is not there or is none, or an assignment is
            wrong.
    """
    own = project.own()
    names = project.names or own
    compiled = {name: _read(name, project) for name in names}
    in_sources = list(_of_sources(project, own))
    rows = [*project.rows, *_of_settings(project, own), *in_sources]
    # What is just what its source compiles to has been checked by compiling it.
    same = set(own) & _sourced(project) - {row.pipeline for row in in_sources}
    for name, found in compiled.items():
        if isinstance(found, CompiledPipeline):
            rows += _of_pipeline(name, found, project, assignments)
            rows += _of_steps(name, found) if name not in same else []
        elif found is not None:
            rows.append(Row(name, "", name, found.code, found.message))
    environments = [settings.environment for settings in project.settings]
    return len(names), sorted(_collapsed(rows, environments), key=_order)


def _collapsed(rows: Sequence[Row], environments: Sequence[str]) -> Iterator[Row]:
    """Yield each row, and once without an environment what holds in every one of several."""
    found: dict[Row, set[str]] = {}
    for row in rows:
        found.setdefault(replace(row, environment=""), set()).add(row.environment)
    for row, places in found.items():
        everywhere = len(environments) > 1 and places >= set(environments)
        yield from (replace(row, environment=it) for it in ([""] if everywhere else places))


def _order(row: Row) -> tuple[str, ...]:
    return row.pipeline, row.code[0], row.environment, row.where, row.code, row.message


def _read(name: str, project: Project) -> CompiledPipeline | UsageError | None:
    """Return a pipeline, None when it is not compiled yet, or what is wrong with its file."""
    if name not in project.own():
        return find_pipeline(name, project.settings[0])
    if name not in own_pipelines(project.settings[0]):
        return None  # the comparison with its source tells
    try:
        return find_pipeline(name, project.settings[0])
    except UsageError as error:
        return error


def _of_settings(project: Project, own: Sequence[str]) -> Iterator[Row]:
    """Tell of settings without a value, and of pipelines that are not there."""
    known = [*own, *pipeline_names()]
    for settings in project.settings:
        name = settings.environment
        for key in NEEDED if name else ():
            if not getattr(settings, key):
                place = f"{settings.file}: environments.{name}.{key}"
                yield Row("", name, place, "W411", "has no value; each command must give one")
        for pipeline in settings.parameters:
            if pipeline not in known:
                place = _place_of(settings, pipeline)
                yield Row("", name, place, "E413", unknown("pipeline", pipeline, known))


def _place_of(settings: Settings, pipeline: str) -> str:
    """Return where the file gives parameters of a pipeline."""
    key = f"parameters.{pipeline}."
    places = [place for it, place in settings.origins.items() if it.startswith(key)]
    return min(places).partition(key)[0] + key[:-1]


def _of_sources(project: Project, own: Sequence[str]) -> Iterator[Row]:
    """Compile what the project has in Python, and hold it against the compiled files."""
    settings = project.settings[0]
    if settings.sources is None:
        return
    if project.sources is None:
        place = settings.origin("sources")
        yield Row("", "", place, "E415", f"there is no folder {settings.sources}")
        return
    wanted = [name for name in project.names or own if name in own]
    for fault in compare_sources(project.sources, settings.compiled, wanted):
        yield Row(fault.path.stem, "", str(fault.path), fault.code, fault.message)


def _sourced(project: Project) -> set[str]:
    return set(source_files(project.sources)) if project.sources else set()


def _of_steps(name: str, compiled: CompiledPipeline) -> list[Row]:
    return [Row(name, "", it.where, it.code, it.message) for it in step_findings(compiled.spec)]


def _of_pipeline(
    name: str, compiled: CompiledPipeline, project: Project, assignments: Sequence[str]
) -> list[Row]:
    """Return what is found in a pipeline, in each environment."""
    given = read_assignments(compiled, assignments)
    rows = []
    for settings in project.settings:
        environment = settings.environment
        values, faults = file_parameters(compiled, settings)
        rows += [Row(name, environment, at, "E413", text) for at, text in faults]
        values |= given
        if environment or assignments:
            broken = {at.rpartition(".")[2] for at, _ in faults}
            rows += _missing(name, compiled, environment, values.keys() | broken)
        found = lint(compiled.spec, values)
        rows += [Row(name, environment, it.where, it.code, it.message) for it in found]
    return rows


def _missing(
    name: str, compiled: CompiledPipeline, environment: str, given: set[str]
) -> Iterator[Row]:
    for parameter in missing_parameters(compiled, given):
        text = "has no value; give it in the configuration, or with -p"
        yield Row(name, environment, f"parameter {parameter}", "E106", text)
