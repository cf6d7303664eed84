"""Wait for a run on Vertex AI, show its steps, and say what it came to."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from batchpredict.cli.progress import follow
from batchpredict.errors import BatchpredictError, RunError, RunTooLong

if TYPE_CHECKING:
    from batchpredict.vertex.states import Run


@contextlib.contextmanager
def going_on(name: str) -> Iterator[None]:
    """Say on an interrupt that the run goes on without us."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"the run goes on; to look at it: batchpredict status {name}", err=True)
        click.echo(f"to end it: batchpredict cancel {name}", err=True)
        raise


def wait_for(run: "Run", timeout: float | None) -> "tuple[Run, BatchpredictError | None]":
    """Show the steps of a run until it has ended; return it, and the fault it ended with.

    Args:
        run: The run as it was read last.
        timeout: The run is cancelled when it takes longer.
    """
    from batchpredict.vertex.runs import Watch

    watch = Watch(run)
    is_late = False

    def ended(seconds: float) -> bool:
        nonlocal is_late
        if timeout is not None and not is_late and watch.spent > timeout:
            is_late = _cancel(run.name)
        return watch.ended(seconds)

    follow(lambda: watch.run.steps, ended)
    click.echo(f"the run {watch.run.id} has ended: {watch.run.state}", err=True)
    if is_late and watch.run.is_failed:
        message = f"the run was cancelled: it took longer than {timeout:g} s"
        return watch.run, RunTooLong("E453", message)
    return watch.run, fault_of(watch.run)


def _cancel(name: str) -> bool:
    from batchpredict.vertex.runs import cancel

    with contextlib.suppress(RunError):  # it has ended meanwhile, or is gone: the watch will see
        cancel(name)
    return True


def fault_of(run: "Run") -> BatchpredictError | None:
    """Return what to end with for a run that has ended, None when it succeeded."""
    if run.state == "SUCCEEDED":
        return None
    failed = [f"step {step.name}: {step.error}" for step in run.steps if step.state == "FAILED"]
    reason = run.error or "; ".join(failed) or "it gives no reason"
    return RunError("E451", f"the run {run.id} ended as {run.state}: {reason}")
