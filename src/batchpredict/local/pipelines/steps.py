"""Run one container step, or take it from the run's own journal or from the cache."""

import json
from collections.abc import Mapping
from typing import Any

from batchpredict.local.pipelines.attempts import run_or_take, run_with_retries
from batchpredict.local.pipelines.cache import Hit
from batchpredict.local.pipelines.journal import Finished
from batchpredict.local.pipelines.retries import RetryPolicy, set_aside
from batchpredict.local.pipelines.scope import Place
from batchpredict.local.pipelines.states import TaskStates
from batchpredict.local.pipelines.tasks import RunContext, resource_of, run_container

GONE_WITH_THE_SESSION = ("", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED", "JOB_STATE_EXPIRED")


def run_step(
    context: RunContext,
    states: TaskStates,
    component: Any,
    executor: Any,
    task: Any,
    arguments: Mapping[str, Any],
    place: Place,
) -> dict[str, Any]:
    """Run a step as often as its retry policy allows; return its outputs.

    What the run's journal or the cache holds is taken instead. A step whose upstream ran anew
    is not taken from the journal: it may only have looked at how that ended.
    """
    kept = None if place.is_anew else _kept(context, place.path, arguments)
    if kept is not None:
        states.keep(place.number, kept)
        return kept.values()
    if context.journal is not None and context.journal.resumed:
        _clear(context, place.path, context.journal.resumed)
    states.run_anew(place.number)
    outputs = _run_or_take(context, states, component, executor, task, arguments, place)
    if context.journal is not None:
        times, source = states.times(place.number), states.source(place.number)
        context.journal.note(place.path, arguments, outputs, context.store.path, times, source)
    return outputs


def _kept(context: RunContext, path: str, arguments: Mapping[str, Any]) -> Finished | None:
    if context.journal is None:
        return None
    return context.journal.find(path, arguments, context.store.path)


def _clear(context: RunContext, path: str, resumed: int) -> None:
    """Put the log of an interrupted step aside, and forget a job that did not end well.

    Google's launchers look for the job that they started before: one that has succeeded since
    is taken, any other has ended with the session, and a new one must be started.
    """
    set_aside(context.log_of(path), f"before-{resumed}")
    note = context.store.path(f"{context.root}/{path}/gcp_resources")
    try:
        state, _ = context.resource_state(resource_of(json.loads(note.read_text())))
    except OSError:
        return
    except (ValueError, LookupError, TypeError, AttributeError):
        state = ""
    if state in GONE_WITH_THE_SESSION:
        note.unlink(missing_ok=True)


def _run_or_take(
    context: RunContext,
    states: TaskStates,
    component: Any,
    executor: Any,
    task: Any,
    arguments: Mapping[str, Any],
    place: Place,
) -> dict[str, Any]:
    def run(attempt: int) -> dict[str, Any]:
        if attempt > 1:
            states.start_again(place.number)
        return run_container(context, place.path, component, executor, arguments)

    def wait(message: str) -> None:
        states.wait(place.number, message)

    def run_or_retry() -> dict[str, Any]:
        return run_with_retries(context, place.path, RetryPolicy.of(task), run, wait)

    def taken(hit: Hit) -> None:
        states.take_from_cache(place.number, hit.run, hit.task)

    key = _cache_key(context, component, executor, task, arguments, place.path)
    return run_or_take(context, place.path, key, run_or_retry, taken)


def _cache_key(
    context: RunContext,
    component: Any,
    executor: Any,
    task: Any,
    arguments: Mapping[str, Any],
    path: str,
) -> str | None:
    """Return what stands for a step in the cache; None when it must run."""
    cache = context.cache
    if cache is None or not task.caching_options.enable_cache:
        return None
    if own := task.caching_options.cache_key:
        return cache.own_key(component, own)
    return cache.key(component, executor, arguments, context.constants_of(path))
