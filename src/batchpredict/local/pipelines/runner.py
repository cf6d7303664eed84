"""Walk a pipeline: every task starts as soon as what it needs is there, side by side."""

import contextlib
import queue
import threading
from collections.abc import Mapping
from typing import Any

from kfp.local.executor_output_utils import pb2_value_to_python

from batchpredict.local.pipelines.arguments import task_arguments
from batchpredict.local.pipelines.conditions import holds
from batchpredict.local.pipelines.loops import collected, loop_items, run_side_by_side
from batchpredict.local.pipelines.outputs import absent_outputs, graph_outputs
from batchpredict.local.pipelines.placeholders import plain_numbers, resolve_constant
from batchpredict.local.pipelines.scope import DONE, FAILED, SKIPPED, Scope
from batchpredict.local.pipelines.spec import Pipeline
from batchpredict.local.pipelines.states import TaskStates
from batchpredict.local.pipelines.tasks import (
    RunContext,
    TaskFailed,
    run_container,
    run_importer,
)


class _InnerTasksFailed(TaskFailed):
    """A graph or a loop failed because of its tasks, which have been noted themselves."""


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

    def _run_dag(
        self, component: Any, arguments: Mapping[str, Any], path: str, number: int
    ) -> dict[str, Any]:
        """Run the tasks of one DAG; return its outputs."""
        scope = Scope(path, number, component.dag.tasks)
        for name in (
            *component.input_definitions.parameters,
            *component.input_definitions.artifacts,
        ):
            scope.store.put_parent_input(name, arguments.get(name))
        for name in scope.tasks:
            scope.numbers[name] = self._states.add(scope.path_of(name), number)
        self._run_tasks(scope)
        failed = [name for name, end in scope.ended.items() if end == FAILED]
        if failed:
            names = ", ".join(failed)
            raise _InnerTasksFailed(f"{path.rstrip('/')}: {names} failed or not started")
        return graph_outputs(component, scope)

    def _run_tasks(self, scope: Scope) -> None:
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

    def _is_blocked(self, scope: Scope, name: str, task: Any) -> bool:
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
        self, scope: Scope, name: str, task: Any, ended: "queue.SimpleQueue[tuple[str, str]]"
    ) -> None:
        number = scope.numbers[name]
        component = self._pipeline.components[task.component_ref.name]
        try:
            outputs = self._execute(scope, name, task, component)
        except Exception as error:
            self._note_failure(scope.path_of(name), number, error)
            ended.put((name, FAILED))
            return
        if outputs is None:
            self._states.skip(number)
            ended.put((name, SKIPPED))
            return
        for key, value in outputs.items():
            scope.store.put_task_output(name, key, plain_numbers(value))
        if component.WhichOneof("implementation") == "dag":
            scope.absent |= {(name, key) for key in absent_outputs(component, outputs)}
        self._states.succeed(number, outputs)
        ended.put((name, DONE))

    def _note_failure(self, path: str, number: int, error: Exception) -> None:
        cancelled = self._context.cancelled.is_set()
        message = str(error) if isinstance(error, TaskFailed) else f"{path}: {error}"
        if not isinstance(error, _InnerTasksFailed):
            self._failures.append(message)
        self._states.fail(number, message, cancelled=cancelled)

    def _execute(
        self, scope: Scope, name: str, task: Any, component: Any
    ) -> dict[str, Any] | None:
        """Run one task; None when its condition is false."""
        given = task_arguments(task, scope.store, self._context.constants)
        condition = task.trigger_policy.condition
        if condition and not holds(condition, given):
            return None
        path, number = scope.path_of(name), scope.numbers[name]
        self._states.start(number)
        if task.WhichOneof("iterator"):
            return self._run_loop(component, task, given, path, number)
        return self._run_component(component, given, path, number)

    def _run_component(
        self, component: Any, given: Mapping[str, Any], path: str, number: int
    ) -> dict[str, Any]:
        """Run what carries out a task, or one iteration of a loop; return its outputs."""
        arguments = self._arguments(component, given)
        if component.WhichOneof("implementation") == "dag":
            return self._run_dag(component, arguments, f"{path}/", number)
        executor = self._pipeline.executors[component.executor_label]
        if executor.WhichOneof("spec") == "importer":
            return run_importer(executor, arguments, self._context.constants)
        return run_container(self._context, path, component, executor, arguments)

    def _run_loop(
        self, component: Any, task: Any, given: Mapping[str, Any], path: str, number: int
    ) -> dict[str, Any]:
        """Run the iterations of a loop, all of them even if some fail; return their outputs."""
        item_input, items = loop_items(task, given)
        numbers = [self._states.add(f"{path}-{index}", number) for index in range(len(items))]
        outputs: dict[int, dict[str, Any]] = {}

        def iterate(index: int) -> None:
            arguments = {**given, item_input: items[index]}
            place = (f"{path}-{index}", numbers[index])
            found = self._run_iteration(component, arguments, *place)
            if found is not None:
                outputs[index] = found

        limit = task.iterator_policy.parallelism_limit or self._context.parallel_steps
        run_side_by_side(iterate, len(items), limit)
        failed = [str(index) for index in range(len(items)) if index not in outputs]
        if failed:
            iterations = ", ".join(failed)
            raise _InnerTasksFailed(f"{path}: iterations failed or not started: {iterations}")
        return collected(component, [outputs[index] for index in range(len(items))])

    def _run_iteration(
        self, component: Any, arguments: Mapping[str, Any], path: str, number: int
    ) -> dict[str, Any] | None:
        """Run one iteration of a loop; None when it failed."""
        if self._context.cancelled.is_set():
            self._states.not_triggered(number)
            return None
        self._states.start(number)
        try:
            outputs = self._run_component(component, arguments, path, number)
        except Exception as error:
            self._note_failure(path, number, error)
            return None
        self._states.succeed(number, outputs)
        return outputs
