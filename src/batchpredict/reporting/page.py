"""Write the page of a run."""

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from batchpredict import __version__
from batchpredict.graphing.drawing import Mark, to_svg
from batchpredict.graphing.model import Node, graph_of
from batchpredict.reporting.facts import METRICS, RunFacts, StepFacts
from batchpredict.reporting.states import Word, state_word

NARROWEST = 0.4  # percent; a step of a moment can still be seen
TEMPLATE = "run.html.j2"
WORST = ("FAILED", "CANCELLED", "RUNNING", "PENDING", "SUCCEEDED", "CACHED")


@dataclass(frozen=True)
class Bar:
    """A step in the timeline.

    Attributes:
        step: The step.
        anchor: Where the page says more about it.
        word: How its state is shown.
        took: Its run time as text.
        left: Where its bar starts, in percent of the whole time.
        width: How long its bar is, 0 when it has not started.
    """

    step: StepFacts
    anchor: str
    word: Word
    took: str
    left: float
    width: float


def page_of(run: RunFacts, now: datetime.datetime) -> str:
    """Return the page as HTML: one file without scripts, links to nothing that it needs.

    Args:
        run: What it says.
        now: The time of a run that still goes on.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    place = resources.files("batchpredict.reporting") / "templates" / TEMPLATE
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    bars = bars_of(run, now)
    text: str = environment.from_string(place.read_text(encoding="utf-8")).render(
        run=run,
        word=state_word(run.state),
        took=duration_text(run.start, run.end or now),
        start=time_text(run.start),
        bars=bars,
        metrics=list(_metrics(run.steps)),
        outputs=[(bar, it) for bar in bars for it in bar.step.artifacts],
        graph=Markup(to_svg(graph_of(run.spec), marks_of(run, bars))),  # escaped already
        written=time_text(now),
        version=__version__,
    )
    return text


def _metrics(steps: Sequence[StepFacts]) -> Iterator[tuple[str, Mapping[str, str]]]:
    for step in steps:
        for it in step.artifacts:
            if it.type == METRICS and it.metadata:
                yield f"{step.path} / {it.name}", it.metadata


def bars_of(run: RunFacts, now: datetime.datetime) -> list[Bar]:
    """Return the steps with their places in time.

    Args:
        run: The run.
        now: The end of what still goes on.
    """
    moments = [it.start for it in run.steps if it.start] + ([run.start] if run.start else [])
    first = min(moments, default=now)
    ends = [it.end or now for it in run.steps if it.start]
    last = max([*ends, run.end or now if run.start else now], default=now)
    whole = max((last - first).total_seconds(), 0.001)
    return [_bar(number, step, first, whole, now) for number, step in enumerate(run.steps)]


def _bar(
    number: int, step: StepFacts, first: datetime.datetime, whole: float, now: datetime.datetime
) -> Bar:
    left = width = 0.0
    if step.start:
        end = step.end or now
        left = min(100 * (step.start - first).total_seconds() / whole, 100 - NARROWEST)
        width = max(100 * (end - step.start).total_seconds() / whole, NARROWEST)
        width = min(width, 100 - left)
    took = duration_text(step.start, step.end or now)
    return Bar(step, f"step-{number}", state_word(step.state), took, left, width)


def marks_of(run: RunFacts, bars: Sequence[Bar]) -> dict[str, Mark]:
    """Return what the run adds to the nodes of its graph.

    Args:
        run: The run.
        bars: Its steps; those of a loop's rounds share a node.
    """
    root = graph_of(run.spec)
    found: dict[str, list[Bar]] = {}
    for bar in bars:
        path = node_path(root, bar.step.path)
        if path is not None:
            found.setdefault(path, []).append(bar)
    return {path: _mark(group) for path, group in found.items()}


def node_path(root: Node, path: str) -> str | None:
    """Return the path of the node that a step belongs to, None when the graph has none.

    A round of the loop ``x`` is called ``x-0``, ``x-1``, and so on.

    Args:
        root: The graph.
        path: The path of a step.
    """
    node = root
    for part in path.split("/"):
        inner = {it.label: it for it in node.inner}
        loop = inner.get(re.sub(r"-\d+$", "", part))
        step_on = inner.get(part) or (loop if loop and loop.kind == "loop" else None)
        if step_on is None:
            return None
        node = step_on
    return node.path


def _mark(group: Sequence[Bar]) -> Mark:
    def rank(bar: Bar) -> int:
        return WORST.index(bar.step.state) if bar.step.state in WORST else len(WORST)

    worst = min(group, key=rank)
    many = f" {len(group)} times" if len(group) > 1 else f" {worst.took}" if worst.took else ""
    return Mark(f"{worst.word.sign} {worst.word.text}{many}", worst.word.tone, f"#{worst.anchor}")


def duration_text(start: datetime.datetime | None, end: datetime.datetime) -> str:
    """Return a run time as a person says it.

    Args:
        start: When it began, None when it has not.
        end: When it ended.
    """
    if start is None:
        return ""
    seconds = max((end - start).total_seconds(), 0.0)
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


def time_text(moment: Any) -> str:
    """Return a time in UTC.

    Args:
        moment: The time, or None.
    """
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if moment else ""
