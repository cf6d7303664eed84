"""Walk a pipeline: every task starts as soon as what it needs is there, side by side."""

import contextlib
import queue
import threading
from collections.abc import Mapping
from typing import Any

from kfp.local.executor_output_utils import pb2_value_to_python
from kfp.pipeline_spec import pipeline_spec_pb2

from batchpredict.local.pipelines.arguments import task_arguments
from batchpredict.local.pipelines.conditions import holds
from batchpredict.local.pipelines.loops import collected, loop_items, run_side_by_side
from batchpredict.local.pipelines.outputs import absent_outputs, graph_outputs
from batchpredict.local.pipelines.placeholders import plain_numbers, resolve_constant
from batchpredict.local.pipelines.scope import (
    DONE,
    FAILED,
    SKIPPED,
    Place,
    Scope,
    upstream,
    waits_for_completion,
)
from batchpredict.local.pipelines.spec import Pipeline
from batchpredict.local.pipelines.states import TaskStates
from batchpredict.local.pipelines.steps import run_step
from batchpredict.local.pipelines.tasks import RunContext, TaskFailed, run_importer

STRING = pipeline_spec_pb2.ParameterType.STRING


class _InnerTasksFailed(TaskFailed):
    """A graph or a loop failed because of its tasks, which have been noted themselves."""


class PipelineRunner:
    """Runs one pipeline once.

    A failed task stops the tasks that need it. The others run to their end, as on Vertex AI with
    its default failure policy, or are not started (``fail_fast``). Tasks that wait for completion
    only, such as exit tasks, start in both cases, and never once the run is cancelled.
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
            self._run_dag(root, self._arguments(root, parameters, ""), Place("", 0))
        return self._failures

    def _arguments(self, component: Any, given: Mapping[str, Any], path: str) -> dict[str, Any]:
        """Add the defaults of a component to the arguments of its task."""
        constants = self._context.constants_of(path)
        arguments = {name: value for name, value in given.items() if value is not None}
        for name, spec in component.input_definitions.parameters.items():
            if name not in arguments and spec.HasField("default_value"):
                default = plain_numbers(pb2_value_to_python(spec.default_value))
                arguments[name] = resolve_constant(default, arguments, constants)
        return arguments

    def _run_dag(
        self, component: Any, arguments: Mapping[str, Any], place: Place
    ) -> dict[str, Any]:
        """Run the tasks of one DAG; return its outputs."""
        prefix = f"{place.path}/" if place.path else ""
        scope = Scope(
            prefix,
            place.number,
            component.dag.tasks,
            is_exit=place.is_exit,
            is_anew=place.is_anew,
        )
        for name in (
            *component.input_definitions.parameters,
            *component.input_definitions.artifacts,
        ):
            scope.store.put_parent_input(name, arguments.get(name))
        for name in scope.tasks:
            scope.numbers[name] = self._states.add(scope.path_of(name), place.number)
        self._run_tasks(scope)
        failed = [name for name, end in scope.ended.items() if end == FAILED]
        if failed:
            raise self._inner_failure(place, f"{', '.join(failed)} failed or not started", prefix)
        return graph_outputs(component, scope)

    def _inner_failure(self, place: Place, what: str, *prefixes: str) -> _InnerTasksFailed:
        """Return the error of a graph or a loop, with what the tasks inside it said."""
        causes = [text for text in self._failures if text.startswith(prefixes)]
        told = f": {'; '.join(causes)}" if causes else ""
        return _InnerTasksFailed(f"{place.path}: {what}{told}")

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
        """Whether a task must not start; then it is ended."""
        ends = {scope.ended[needed] for needed in upstream(task)}
        if self._starts_no_more(scope.place_of(name)):
            scope.ended[name] = FAILED
        elif waits_for_completion(task):
            return False
        elif ends & {FAILED, SKIPPED}:
            scope.ended[name] = FAILED if FAILED in ends else SKIPPED
        if name in scope.ended:
            self._states.not_triggered(scope.numbers[name])
        return name in scope.ended

    def _starts_no_more(self, place: Place) -> bool:
        """Whether the run has been cancelled, or fails fast and has failed."""
        fails_fast = self._context.fail_fast and bool(self._failures)
        return self._context.cancelled.is_set() or (fails_fast and not place.is_exit)

    def _run_task(
        self, scope: Scope, name: str, task: Any, ended: "queue.SimpleQueue[tuple[str, str]]"
    ) -> None:
        number = scope.numbers[name]
        component = self._pipeline.components[task.component_ref.name]
        try:
            outputs = self._execute(scope, name, task, component)
        except Exception as error:
            self._note_failure(scope.path_of(name), number, error)
            scope.anew.add(name)
            ended.put((name, FAILED))
            return
        if outputs is None:
            self._states.not_triggered(number)
            ended.put((name, SKIPPED))
            return
        if self._states.is_anew(number):
            scope.anew.add(name)
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
        given = self._given(scope, name, task, component)
        condition = task.trigger_policy.condition
        if condition and not holds(condition, given):
            return None
        place = scope.place_of(name)
        self._states.start(place.number, self._kind(component))
        if task.WhichOneof("iterator"):
            return self._run_loop(component, task, given, place)
        return self._run_component(component, task, given, place)

    def _given(self, scope: Scope, name: str, task: Any, component: Any) -> dict[str, Any]:
        """Return the arguments of a task; how a task ended is one of them for an exit task."""
        constants = self._context.constants_of(scope.path_of(name))
        declared = component.input_definitions.parameters.items()
        texts = [key for key, spec in declared if spec.parameter_type == STRING]
        is_absent = scope.is_absent if waits_for_completion(task) else None
        given = task_arguments(task, scope.store, constants, is_absent, texts)
        for key, spec in task.inputs.parameters.items():
            if spec.HasField("task_final_status"):
                producer = spec.task_final_status.producer_task
                given[key] = self._states.final_status(scope.numbers[producer], producer)
        return given

    def _kind(self, component: Any) -> str:
        """Return what carries out a component: ``dag``, ``container`` or ``importer``."""
        if component.WhichOneof("implementation") == "dag":
            return "dag"
        return str(self._pipeline.executors[component.executor_label].WhichOneof("spec"))

    def _run_component(
        self, component: Any, task: Any, given: Mapping[str, Any], place: Place
    ) -> dict[str, Any]:
        """Run what carries out a task, or one iteration of a loop; return its outputs."""
        arguments = self._arguments(component, given, place.path)
        self._states.take(place.number, arguments)
        kind = self._kind(component)
        if kind == "dag":
            return self._run_dag(component, arguments, place)
        executor = self._pipeline.executors[component.executor_label]
        if kind == "importer":
            return run_importer(executor, arguments, self._context.constants_of(place.path))
        context, states = self._context, self._states
        return run_step(context, states, component, executor, task, arguments, place)

    def _run_loop(
        self, component: Any, task: Any, given: Mapping[str, Any], place: Place
    ) -> dict[str, Any]:
        """Run the iterations of a loop, all of them even if some fail; return their outputs."""
        item_input, items = loop_items(task, given)
        paths = [f"{place.path}-{index}" for index in range(len(items))]
        numbers = [self._states.add(path, place.number) for path in paths]
        outputs: dict[int, dict[str, Any]] = {}

        def iterate(index: int) -> None:
            arguments = {**given, item_input: items[index]}
            inner = Place(paths[index], numbers[index], place.is_exit, place.is_anew)
            found = self._run_iteration(component, task, arguments, inner)
            if found is not None:
                outputs[index] = found

        limit = task.iterator_policy.parallelism_limit or self._context.parallel_steps
        run_side_by_side(iterate, len(items), limit)
        failed = [index for index in range(len(items)) if index not in outputs]
        if failed:
            what = f"iterations failed or not started: {', '.join(map(str, failed))}"
            prefixes = [paths[index] + end for index in failed for end in ("/", ":")]
            raise self._inner_failure(place, what, *prefixes)
        return collected(component, [outputs[index] for index in range(len(items))])

    def _run_iteration(
        self, component: Any, task: Any, arguments: Mapping[str, Any], place: Place
    ) -> dict[str, Any] | None:
        """Run one iteration of a loop; None when it failed."""
        if self._starts_no_more(place):
            self._states.not_triggered(place.number)
            return None
        self._states.start(place.number, self._kind(component))
        try:
            outputs = self._run_component(component, task, arguments, place)
        except Exception as error:
            self._note_failure(place.path, place.number, error)
            return None
        self._states.succeed(place.number, outputs)
        return outputs
