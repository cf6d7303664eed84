"""One DAG while it runs: the pipeline, a graph component, a branch, or one loop iteration."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kfp.local.io import IOStore
from kfp.pipeline_spec import pipeline_spec_pb2

from batchpredict.local.pipelines.spec import SAFE_NAME

COMPLETED = pipeline_spec_pb2.PipelineTaskSpec.TriggerPolicy.ALL_UPSTREAM_TASKS_COMPLETED
DONE, SKIPPED, FAILED = "done", "skipped", "failed"


@dataclass(frozen=True)
class Place:
    """Where a task, or one iteration of a loop, stands in the run.

    Attributes:
        path: Its name within the run.
        number: Its number in the run.
        is_exit: Whether it is a task that waits for completion only, or is inside one.
        is_anew: Whether something that it waits for ran in this session of a resumed run.
    """

    path: str
    number: int
    is_exit: bool = False
    is_anew: bool = False


@dataclass
class Scope:
    """The tasks of one DAG, and what has become of them.

    Attributes:
        path: What the names of its tasks begin with: "" or ends with ``/``.
        number: Number of its own task in the run.
        store: Its inputs, and the outputs of its tasks.
        ended: ``done``, ``skipped`` or ``failed`` of each task that has ended.
        numbers: Number of each task in the run.
        absent: Outputs (task, name) that a graph does not have because a branch was not taken.
        is_exit: Whether it is inside a task that waits for completion only.
        is_anew: Whether something that it is inside of waits for ran in this session.
        anew: The tasks of which something ran in this session.
    """

    path: str
    number: int
    tasks: Mapping[str, Any]
    store: IOStore = field(default_factory=IOStore)
    ended: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    absent: set[tuple[str, str]] = field(default_factory=set)
    is_exit: bool = False
    is_anew: bool = False
    anew: set[str] = field(default_factory=set)

    def title(self, name: str) -> str:
        """Return the display name of a task when it is safe and its own, else its name."""
        titles = [task.task_info.name for task in self.tasks.values()]
        title = str(self.tasks[name].task_info.name)
        is_own = titles.count(title) == 1 and title not in self.tasks
        if self.tasks[name].WhichOneof("iterator"):
            is_own = is_own and not self._is_like_an_iteration_of(title)
        return title if is_own and SAFE_NAME.fullmatch(title) else name

    def _is_like_an_iteration_of(self, title: str) -> bool:
        """Whether a task beside a loop of that title is named as one of its iterations."""
        names = {*self.tasks, *(task.task_info.name for task in self.tasks.values())}
        return any(re.fullmatch(rf"{re.escape(title)}-\d+", name) for name in names)

    def path_of(self, name: str) -> str:
        """Return the name of a task within the run."""
        return f"{self.path}{self.title(name)}"

    def place_of(self, name: str) -> Place:
        """Return where a task stands in the run."""
        task = self.tasks[name]
        is_exit = self.is_exit or waits_for_completion(task)
        is_anew = self.is_anew or not self.anew.isdisjoint(upstream(task))
        return Place(self.path_of(name), self.numbers[name], is_exit, is_anew)

    def is_ready(self, task: Any) -> bool:
        """Whether all that the task needs has ended."""
        return upstream(task) <= set(self.ended)

    def is_absent(self, name: str, output: str) -> bool:
        """Whether a task has no such output: it failed, or a branch was not taken."""
        return self.ended.get(name) in (SKIPPED, FAILED) or (name, output) in self.absent


def waits_for_completion(task: Any) -> bool:
    """Whether a task starts also when what it waits for did not succeed.

    So are the exit tasks of ``dsl.ExitHandler`` and those with ``ignore_upstream_failure``.
    """
    return bool(task.trigger_policy.strategy == COMPLETED)


def upstream(task: Any) -> set[str]:
    """Return the names of the tasks that a task waits for.

    KFP lists those that give it something among its dependencies only where a task inside of it
    uses that; a loop whose item nobody looks at waits for its list all the same.
    """
    parameters = [it.task_output_parameter.producer_task for it in task.inputs.parameters.values()]
    artifacts = [it.task_output_artifact.producer_task for it in task.inputs.artifacts.values()]
    return {*task.dependent_tasks, *parameters, *artifacts} - {""}
