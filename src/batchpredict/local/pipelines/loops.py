"""The iterations of ``dsl.ParallelFor``: what they go over, how they run, what they give."""

import contextlib
import json
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from batchpredict.local.pipelines.placeholders import plain_numbers


def loop_items(task: Any, arguments: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """Return the name of the input that gets the item of a loop, and the items.

    Raises:
        ValueError: What it loops over is no list.
    """
    if task.WhichOneof("iterator") == "artifact_iterator":
        iterator = task.artifact_iterator
        name = iterator.items.input_artifact
        items = arguments[name]
    else:
        iterator = task.parameter_iterator
        name = iterator.items.input_parameter or "items"
        items = iterator.items.raw or arguments[name]
        items = _parsed(items) if isinstance(items, str) else items
    if not isinstance(items, list):
        text = str(items)[:200]
        raise ValueError(f"E346 the loop goes over {name!r}, which is no list: {text}")
    return iterator.item_input, items


def _parsed(text: str) -> Any:
    """Return the list that a text holds: a text parameter may be looped over, too."""
    try:
        return plain_numbers(json.loads(text))
    except ValueError:
        return text


def run_side_by_side(run: Callable[[int], None], count: int, limit: int) -> None:
    """Call ``run`` with 0, 1, … ``count`` - 1, at most ``limit`` at a time; wait for all.

    Args:
        run: Carries out one iteration; it raises nothing.
        count: Number of iterations.
        limit: Largest number of iterations that run at the same time.
    """
    left: queue.SimpleQueue[int] = queue.SimpleQueue()
    for index in range(count):
        left.put(index)

    def work() -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                run(left.get_nowait())

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(limit, count))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def collected(component: Any, iterations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the outputs of a loop: for each output the list of what its iterations gave.

    Parameters of loops in loops are lists of lists; artifacts are one flat list. An iteration in
    which the output's branch was not taken adds nothing.
    """
    outputs: dict[str, Any] = {}
    for name in component.output_definitions.parameters:
        outputs[name] = [given[name] for given in iterations if name in given]
    for name in component.output_definitions.artifacts:
        found = [given[name] for given in iterations if name in given]
        lists = [value if isinstance(value, list) else [value] for value in found]
        outputs[name] = [artifact for artifacts in lists for artifact in artifacts]
    return outputs
