"""Take a step from an earlier run: same command, same inputs by content, outputs still there.

Vertex AI compares names and values. Here the content behind ``gs://`` URIs and the state of its
resources count too, so that what has changed or is gone since is made again.
"""

import hashlib
import json
import logging
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from kfp import dsl

from batchpredict.local.files import write_whole
from batchpredict.local.pipelines.contents import ABSENT, REFERENCE, Contents
from batchpredict.local.pipelines.values import from_json, to_json

log = logging.getLogger("batchpredict.local")


@dataclass(frozen=True)
class Hit:
    """A step of an earlier run whose outputs can be taken.

    Attributes:
        run: Resource name of that run.
        task: Name of the step in it.
        outputs: What it gave.
    """

    run: str
    task: str
    outputs: dict[str, Any]


class StepCache:
    """The outputs of steps that succeeded, one JSON file each.

    Args:
        folder: Where they are kept.
        contents: Says what URIs and resource names stand for.
    """

    def __init__(self, folder: Path, contents: Contents) -> None:
        self._folder = folder
        self._contents = contents
        self._lock = threading.Lock()

    def key(
        self,
        component: Any,
        executor: Any,
        arguments: Mapping[str, Any],
        constants: Mapping[str, str],
    ) -> str | None:
        """Return what stands for a step and its inputs; None when it must run in any case.

        Args:
            component: The step's component.
            executor: What carries it out.
            arguments: Its inputs.
            constants: Values of placeholders; those that stand in the command count.
        """
        definition = json_format.MessageToDict(component)
        definition.pop("executorLabel", None)  # such as exec-say-2: it depends on the pipeline
        container = json_format.MessageToDict(executor.container)
        command = {name: container.get(name) for name in ("image", "command", "args", "env")}
        used = {k: v for k, v in constants.items() if f"{{{{${k}}}}}" in json.dumps(command)}
        try:
            inputs = {name: self._input(value) for name, value in sorted(arguments.items())}
            named = self._contents.of_command(command)
            parts = [definition, command, used, inputs, named, _environment()]
            text = json.dumps(parts, sort_keys=True, allow_nan=False)
        except (OSError, ValueError, TypeError):
            return None
        return hashlib.sha256(text.encode()).hexdigest()

    @staticmethod
    def own_key(component: Any, key: str) -> str:
        """Return what stands for a step whose pipeline says itself what its outputs depend on."""
        outputs = json_format.MessageToDict(component.output_definitions)
        return hashlib.sha256(json.dumps([key, outputs], sort_keys=True).encode()).hexdigest()

    def _input(self, value: Any) -> Any:
        """Return what counts of an input: of an artifact not where it is, but what is there."""
        if isinstance(value, list) and any(isinstance(it, dsl.Artifact) for it in value):
            return [self._input(it) for it in value]
        if not isinstance(value, dsl.Artifact):
            return [value, self._contents.of(value)]
        metadata = [value.schema_title, value.metadata, self._contents.of(value.metadata)]
        uri = value.uri or ""
        if not uri.startswith("gs://"):
            return [uri, self._contents.of(uri), *metadata]
        digest = self._contents.digest(uri)
        return [uri if digest == ABSENT else digest, *metadata]

    def find(self, key: str) -> Hit | None:
        """Return the step of that key when its outputs are still there, unchanged."""
        try:
            entry = json.loads((self._folder / f"{key}.json").read_text())
            outputs = entry["outputs"]
            if not self._holds(entry["contents"], self._contents.of(outputs)):
                return None
            made = {name: from_json(value) for name, value in outputs.items()}
            return Hit(entry["run"], entry["task"], made)
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return None  # none, or a damaged one

    @staticmethod
    def _holds(kept: Mapping[str, str], now: Mapping[str, str]) -> bool:
        """Whether files are the same, and resources, which may change, exist."""
        return kept.keys() == now.keys() and all(
            now[name] == kept[name] if name.startswith("gs://") else now[name] != ABSENT
            for name in kept
        )

    def keep(self, key: str, run: str, task: str, outputs: Mapping[str, Any]) -> None:
        """Keep the outputs of a step that succeeded, unless nobody could check them later."""
        try:
            values = {name: to_json(value) for name, value in outputs.items()}
            contents = self._contents.of(values)
            if not all(map(_can_be_checked, outputs.values())):
                return
            entry = {"run": run, "task": task, "outputs": values, "contents": contents}
            with self._lock:
                self._folder.mkdir(parents=True, exist_ok=True)
                write_whole(self._folder / f"{key}.json", json.dumps(entry, allow_nan=False))
        except (OSError, ValueError, TypeError) as error:
            log.info("%s of %s is not cached: %s", task, run, error)


def _can_be_checked(value: Any) -> bool:
    """Whether an output is no artifact, or one in a bucket or a Vertex AI resource."""
    return not isinstance(value, dsl.Artifact) or (
        (value.uri or "").startswith("gs://") or REFERENCE.search(value.uri or "") is not None
    )


@cache
def _environment() -> list[str]:
    """Return what the steps run with, in place of an image."""
    installed = {f"{it.name} {it.version}" for it in distributions()}
    return [sys.version, *sorted(installed)]
