"""What a run gave, in a few lines: how many rows, where they are, how good they are."""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from batchpredict.local.runs import Step
    from batchpredict.local.session import LocalVertex

COUNTS = ("input", "predicted", "failed", "missing")
TABLES = ("predictions", "failures", "joined")
METRICS = "system.Metrics"
PAGES = {".html": "system.HTML", ".md": "system.Markdown"}
ORDER = ("rows", *TABLES, "published", "page", "metrics", "decision")
MOST = 3  # lines of one name; a loop over many files must not push the rest out of sight


@dataclass(frozen=True)
class Output:
    """An output artifact that lies on this machine.

    Attributes:
        step: Name of the step.
        name: Name of the output.
        kind: Title of its schema.
        uri: Where the pipeline says that it is.
        path: Where it is.
        metadata: What the step noted on it.
    """

    step: str
    name: str
    kind: str
    uri: str
    path: Path
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """One result: its sort (of ``ORDER``), the step, what to call it, and what to say."""

    sort: str
    step: str
    name: str
    text: str


def title_of(step: str) -> str:
    """Return a step's name without the groups that KFP puts around a condition's branches."""
    return re.sub(r"condition-branches-\d+/", "", step)


def printable(line: str) -> str:
    """Return the line without control characters: a log may hold what a stranger wrote."""
    return "".join(
        c if c.isprintable() or c == "\t" else "\N{REPLACEMENT CHARACTER}" for c in line
    )


def short_path(path: Path) -> str:
    """Return the path from the current folder when it lies below it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def result_lines(vertex: "LocalVertex", job: Any) -> list[str]:
    """Return the lines that stand at the end of a run.

    The parts of an output and the first round of a retry are left out: another step took them up.
    """
    from batchpredict.local.runs import steps

    done = steps(job)
    outputs = _outputs(vertex, job, done)
    passed_on = superseded(outputs, done)
    found = [_line_of(output) for output in outputs if output.step not in passed_on]
    found += [line for step in done for line in _lines_of_parameters(vertex, job.name, step.name)]
    return named([line for line in found if line is not None])


def _outputs(vertex: "LocalVertex", job: Any, done: "Sequence[Step]") -> list[Output]:
    """Return what the steps gave, and what was whole when a step failed."""
    from batchpredict.local.runs import outputs_of

    found = [
        Output(step, name, artifact.schema_title, artifact.uri, path, artifact.metadata)
        for step, name, artifact, path in outputs_of(job, vertex)
        if artifact.schema_title == METRICS or path.exists()
    ]
    root = f"{job.runtime_config.gcs_output_directory}/{job.name.rpartition('/')[2]}"
    for step in done:
        if step.state == "FAILED":
            uri = f"{root}/{step.name}"
            found += left_behind(step.name, uri, vertex.store.path(uri))
    return found


def left_behind(step: str, uri: str, folder: Path) -> Iterator[Output]:
    """Yield the outputs of a step that failed after it wrote them: a threshold was exceeded.

    The summary is written last: where there is none, nothing is whole.
    """
    counts = None
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        counts = json.loads((folder / "summary.json").read_text())["counts"]
    if not isinstance(counts, dict):
        return
    yield Output(step, "metrics", METRICS, uri, folder, counts)
    for path in sorted(folder.iterdir()):
        kind = PAGES.get(path.suffix, "")
        yield Output(step, path.stem, kind, f"{uri}/{path.name}", path, {})


def superseded(outputs: Sequence[Output], done: "Sequence[Step]") -> set[str]:
    """Return the steps whose predictions are part of another's, or are another's unchanged."""
    taken = {step.name: step.taken for step in done}
    tables = [output for output in outputs if output.name == "predictions"]
    return {
        later.step if later.uri == former.uri else former.step
        for former in tables
        for later in tables
        if former.uri in taken[later.step]
    }


def _line_of(output: Output) -> Line | None:
    """Return the line of an output, None when a person hardly asks for it."""
    step, name = output.step, output.name
    if output.kind == METRICS and set(COUNTS) <= set(output.metadata):
        others = [name for name, number in sorted(output.metadata.items()) if number]
        counts = dict.fromkeys([*COUNTS, *others])
        return Line("rows", step, "rows", _figures({k: output.metadata[k] for k in counts}))
    if output.kind == METRICS:
        return Line("metrics", step, name, _figures(dict(sorted(output.metadata.items()))))
    if name in TABLES:
        return Line(name, step, name, short_path(output.path))
    if output.kind in PAGES.values():
        return Line("page", step, name, short_path(output.path))
    return None


def _figures(figures: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_figure(value)}" for name, value in figures.items())


def _figure(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else repr(value)


def _lines_of_parameters(vertex: "LocalVertex", job: str, step: str) -> Iterator[Line]:
    """Yield what a step decided, and where it published."""
    gave = vertex.services.pipelines.output_parameters(job, step)
    if "decision" in gave and "reason" in gave:
        text = f"{gave['decision']}: {gave['reason']}"
        yield Line("decision", step, title_of(step), text)
    place = vertex.services.pipelines.arguments(job, step).get("destination")
    if isinstance(place, str) and "rows" in gave and "changed" in gave:
        stood = "" if gave["changed"] else " (they stood there before)"
        text = f"{_figure(gave['rows'])} rows in {_local(vertex, place)}{stood}"
        yield Line("published", step, "published", text)


def _local(vertex: "LocalVertex", place: str) -> str:
    """Return the path of a place in Cloud Storage, any other place as it is."""
    from batchpredict.local.storage.errors import StorageError

    with contextlib.suppress(StorageError):
        return short_path(vertex.store.path(place))
    return place


def named(lines: Sequence[Line]) -> list[str]:
    """Return the lines as texts, in order; where several have one name the step tells them apart.

    Of many those of the last steps are shown: a result comes late.
    """
    groups: dict[str, list[Line]] = {}
    for line in sorted(lines, key=lambda line: ORDER.index(line.sort)):
        groups.setdefault(line.name, []).append(line)
    texts = []
    for name, group in groups.items():
        labels = _labels(name, [title_of(line.step) for line in group])
        shown = list(zip(labels, group, strict=True))[-MOST:]
        texts += [f"{label}: {line.text}" for label, line in shown]
        if len(group) > MOST:
            texts.append(f"{name}: {len(group) - MOST} more, of other steps")
    return texts


def _labels(name: str, steps: Sequence[str]) -> list[str]:
    """Return the name of each line: with as much of the step's as tells it apart."""
    if len(steps) == 1:
        return [name]
    last = [step.rpartition("/")[2] for step in steps]
    return [f"{step}/{name}" for step in (last if len(set(last)) == len(last) else steps)]
