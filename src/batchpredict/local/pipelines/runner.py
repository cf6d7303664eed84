"""Walk a pipeline: every task starts as soon as what it needs is there, side by side."""

import contextlib
import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kfp.local.executor_output_utils import pb2_value_to_python
from kfp.local.io import IOStore
from kfp.local.orchestrator.orchestrator_utils import OrchestratorUtils

from batchpredict.local.pipelines.conditions import holds
from batchpredict.local.pipelines.placeholders import plain_numbers, resolve_constant
from batchpredict.local.pipelines.spec import SAFE_NAME, Pipeline
from batchpredict.local.pipelines.states import TaskStates
from batchpredict.local.pipelines.tasks import (
    RunContext,
    TaskFailed,
    run_container,
    run_importer,
)

DONE, SKIPPED, FAILED = "done", "skipped", "failed"


class _InnerTasksFailed(TaskFailed):
    """A graph failed because of its tasks, which have been noted themselves."""


@dataclass
class _Scope:
    """One DAG while it runs: the pipeline itself, a graph component, or a branch."""

    path: str
    number: int
    tasks: Mapping[str, Any]
    store: IOStore = field(default_factory=IOStore)
    ended: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)

    def title(self, name: str) -> str:
        """Return the display name of a task when it is safe and its own, else its name."""
        titles = [task.task_info.name for task in self.tasks.values()]
        title = str(self.tasks[name].task_info.name)
        is_own = titles.count(title) == 1 and title not in self.tasks
        return title if is_own and SAFE_NAME.fullmatch(title) else name

    def is_ready(self, task: Any) -> bool:
        return set(task.dependent_tasks) <= set(self.ended)


class PipelineRunner:
    """Runs one pipeline once.

    A failed task stops the tasks that need it; the others run to their end, as on Vertex AI with
    its default failure policy.
    """

    def __init__(self, pipeline: Pipeline, context: RunContext, states: TaskStates) -> None:
        self._pipeline = pipeline
        self._context = context
        self._states = states
        self._failures: list[str] = []

    def run(self, parameters: Mapping[str, Any]) -> list[str]:
        """Run with these parameters; return one line for each task that failed."""
        root = self._pipeline.root
        with contextlib.suppress(_InnerTasksFailed):  # each is among the failures
            self._run_dag(root, self._arguments(root, parameters), "", 0)
        return self._failures

    def _arguments(self, component: Any, given: Mapping[str, Any]) -> dict[str, Any]:
        """Add the defaults of a component to the arguments of its task."""
        arguments = {name: value for name, value in given.items() if value is not None}
        for name, spec in component.input_definitions.parameters.items():
            if name not in arguments and spec.HasField("default_value"):
                default = plain_numbers(pb2_value_to_python(spec.default_value))
                arguments[name] = resolve_constant(default, arguments, self._context.constants)
        return arguments

    def _task_arguments(self, task: Any, store: IOStore) -> dict[str, Any]:
        arguments: dict[str, Any] = OrchestratorUtils.make_task_arguments(task.inputs, store)
        for name, spec in task.inputs.parameters.items():
            if spec.HasField("runtime_value"):
                constant = plain_numbers(arguments[name])
                arguments[name] = resolve_constant(constant, arguments, self._context.constants)
        return arguments

    def _run_dag(
        self, component: Any, arguments: Mapping[str, Any], path: str, number: int
    ) -> dict[str, Any]:
        """Run the tasks of one DAG; return its outputs."""
        scope = _Scope(path, number, component.dag.tasks)
        for name in (
            *component.input_definitions.parameters,
            *component.input_definitions.artifacts,
        ):
            scope.store.put_parent_input(name, arguments.get(name))
        for name in scope.tasks:
            scope.numbers[name] = self._states.add(f"{path}{scope.title(name)}", number)
        self._run_tasks(scope)
        failed = [name for name, end in scope.ended.items() if end == FAILED]
        if failed:
            raise _InnerTasksFailed(f"{path}: {', '.join(failed)} failed or not started")
        outputs = OrchestratorUtils.get_dag_outputs(component.dag.outputs, scope.store)
        return dict(outputs)

    def _run_tasks(self, scope: _Scope) -> None:
        """Start each task when its upstream tasks have ended, until all have."""
        ended: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        waiting = dict(scope.tasks)
        running = 0
        while waiting or running:
            ready = [name for name, task in waiting.items() if scope.is_ready(task)]
            for name in ready:
                task = waiting.pop(name)
                if self._is_blocked(scope, name, task):
                    continue
                arguments = (scope, name, task, ended)
                threading.Thread(target=self._run_task, args=arguments, daemon=True).start()
                running += 1
            if not ready and not running:
                raise ValueError(f"E341 these tasks wait for each other: {sorted(waiting)}")
            if running and not any(scope.is_ready(task) for task in waiting.values()):
                name, end = ended.get()
                scope.ended[name] = end
                running -= 1

    def _is_blocked(self, scope: _Scope, name: str, task: Any) -> bool:
        """Whether an upstream task did not succeed; then this one is ended with it."""
        upstream = {scope.ended[needed] for needed in task.dependent_tasks}
        number = scope.numbers[name]
        if FAILED in upstream:
            self._states.not_triggered(number)
            scope.ended[name] = FAILED
        elif SKIPPED in upstream:
            self._states.skip(number)
            scope.ended[name] = SKIPPED
        return name in scope.ended

    def _run_task(
        self, scope: _Scope, name: str, task: Any, ended: "queue.SimpleQueue[tuple[str, str]]"
    ) -> None:
        number = scope.numbers[name]
        try:
            outputs = self._execute(scope, name, task)
        except Exception as error:
            self._note_failure(f"{scope.path}{scope.title(name)}", number, error)
            ended.put((name, FAILED))
            return
        if outputs is None:
            self._states.skip(number)
            ended.put((name, SKIPPED))
            return
        for key, value in outputs.items():
            scope.store.put_task_output(name, key, plain_numbers(value))
        self._states.succeed(number, outputs)
        ended.put((name, DONE))

    def _note_failure(self, path: str, number: int, error: Exception) -> None:
        cancelled = self._context.cancelled.is_set()
        message = str(error) if isinstance(error, TaskFailed) else f"{path}: {error}"
        if not isinstance(error, _InnerTasksFailed):
            self._failures.append(message)
        self._states.fail(number, message, cancelled=cancelled)

    def _execute(self, scope: _Scope, name: str, task: Any) -> dict[str, Any] | None:
        """Run one task; None when its condition is false."""
        component = self._pipeline.components[task.component_ref.name]
        given = self._task_arguments(task, scope.store)
        condition = task.trigger_policy.condition
        if condition and not holds(condition, given):
            return None
        arguments = self._arguments(component, given)
        path, number = f"{scope.path}{scope.title(name)}", scope.numbers[name]
        self._states.start(number)
        if component.WhichOneof("implementation") == "dag":
            return self._run_dag(component, arguments, f"{path}/", number)
        executor = self._pipeline.executors[component.executor_label]
        if executor.WhichOneof("spec") == "importer":
            return dict(run_importer(executor, arguments, self._context.constants))
        return run_container(self._context, path, component, executor, arguments)
