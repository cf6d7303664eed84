"""Run a step once, several times, or not at all: what stands around each attempt."""

import shutil
from collections.abc import Callable
from typing import Any

from batchpredict.local.pipelines.cache import Hit
from batchpredict.local.pipelines.retries import Attempts, RetryPolicy, keep_log
from batchpredict.local.pipelines.tasks import RunContext, TaskFailed


def run_with_retries(
    context: RunContext,
    path: str,
    policy: RetryPolicy,
    run: Callable[[int], dict[str, Any]],
    waits: Callable[[str], None],
) -> dict[str, Any]:
    """Call ``run`` until it succeeds or may not be tried again; return what it gives.

    Args:
        context: What all tasks of the run share.
        path: Name of the task within the run.
        policy: When it is tried again.
        run: Makes the attempt of that number, 1 being the first.
        waits: Is told the error of each failed attempt that another one follows.

    Raises:
        TaskFailed: The last attempt failed, or the run was cancelled.
    """
    attempts = Attempts(policy, context.clock)
    while True:
        try:
            return run(attempts.failed + 1)
        except TaskFailed as error:
            delay = None if context.cancelled.is_set() else attempts.next_delay()
            if delay is None:
                if attempts.failed > 1:
                    raise TaskFailed(f"{error} in attempt {attempts.failed}") from error
                raise
            message = keep_log(context.log_of(path), attempts.failed, str(error))
            waits(message)
            if context.clock.wait(context.cancelled, delay):
                raise TaskFailed(f"{path}: cancelled before it was tried again") from error
            shutil.rmtree(context.work / path, ignore_errors=True)  # a new container has no files


def run_or_take(
    context: RunContext,
    path: str,
    key: str | None,
    run: Callable[[], dict[str, Any]],
    taken: Callable[[Hit], None],
) -> dict[str, Any]:
    """Return the outputs of an earlier step of that key, else those of ``run``, which are kept.

    Args:
        context: What all tasks of the run share.
        path: Name of the task within the run.
        key: What stands for the step in the cache; None when it is not cached.
        run: Runs the step.
        taken: Is told of the earlier step when there is one.
    """
    if key is None or context.cache is None:
        return run()
    hit = context.cache.find(key)
    if hit is not None:
        text = f"taken from the cache: {hit.task} of {hit.run}\n"
        context.log_of(path).write_text(text)
        taken(hit)
        return hit.outputs
    outputs = run()
    context.cache.keep(key, context.constants[".pipeline_job_resource_name"], path, outputs)
    return outputs
