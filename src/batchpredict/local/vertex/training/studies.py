"""What the trials of a study try, and what they measured.

Vertex AI learns from the trials before. Here the values are drawn at random, or taken from a grid
when the study says so; the same study draws the same values.
"""

import hashlib
import itertools
import json
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from google.cloud.aiplatform_v1 import types

from batchpredict.local.network.rpcs import protobuf
from batchpredict.local.vertex.errors import invalid

Spec = types.StudySpec
Scale = Spec.ParameterSpec.ScaleType
Value = str | float
BEST = Spec.MeasurementSelectionType.BEST_MEASUREMENT
MOST_GRID_POINTS = 10_000


def check_study(study: Any) -> None:
    """Refuse a study that gives no trials."""
    if len(study.metrics) != 1 or not study.metrics[0].metric_id or not study.metrics[0].goal:
        raise invalid("study_spec.metrics must name one metric with its goal")
    names = [parameter.parameter_id for parameter in study.parameters]
    if not all(names) or len(set(names)) < len(names) or not names:
        raise invalid("study_spec.parameters: each needs a parameter_id of its own")
    for parameter in study.parameters:
        _check_parameter(parameter)
    if study.algorithm == Spec.Algorithm.GRID_SEARCH:
        _check_grid(study.parameters)


def _check_parameter(parameter: Any) -> None:
    where = f"study_spec.parameters[{parameter.parameter_id!r}]"
    kind = _kind(parameter)
    if not kind:
        raise invalid(f"{where} needs a value spec")
    spec = getattr(parameter, kind)
    if kind in ("categorical_value_spec", "discrete_value_spec"):
        if not spec.values:
            raise invalid(f"{where}.{kind}.values must not be empty")
    elif not spec.min_value <= spec.max_value:
        raise invalid(f"{where}.{kind}: min_value is greater than max_value")
    elif spec.min_value <= 0 and parameter.scale_type >= Scale.UNIT_LOG_SCALE:
        raise invalid(f"{where}: min_value must be greater than 0 for a logarithmic scale")


def _check_grid(parameters: Sequence[Any]) -> None:
    if any(_kind(parameter) == "double_value_spec" for parameter in parameters):
        raise invalid(
            "study_spec.algorithm GRID_SEARCH: no parameter may have a double_value_spec"
        )
    if math.prod(len(_grid(parameter)) for parameter in parameters) > MOST_GRID_POINTS:
        raise invalid(f"study_spec: a grid has at most {MOST_GRID_POINTS} points here")


def _kind(parameter: Any) -> str:
    return protobuf(parameter).WhichOneof("parameter_value_spec") or ""


def trials_of(study: Any, most: int) -> Iterator[dict[str, Value]]:
    """Yield the values of one trial after another, of a grid until it ends."""
    if study.algorithm == Spec.Algorithm.GRID_SEARCH:
        names = [parameter.parameter_id for parameter in study.parameters]
        points = itertools.product(*map(_grid, study.parameters))
        for point in itertools.islice(points, most):
            yield dict(zip(names, point, strict=True))
        return
    seed = hashlib.sha256(protobuf(study).SerializeToString(deterministic=True)).digest()
    chance = random.Random(seed)
    for _ in range(most):
        yield {it.parameter_id: _drawn(it, chance) for it in study.parameters}


def _grid(parameter: Any) -> Sequence[Value]:
    kind = _kind(parameter)
    if kind == "integer_value_spec":
        spec = parameter.integer_value_spec
        return range(spec.min_value, spec.max_value + 1)
    return list(getattr(parameter, kind).values)


def _drawn(parameter: Any, chance: random.Random) -> Value:
    kind = _kind(parameter)
    spec = getattr(parameter, kind)
    if kind in ("categorical_value_spec", "discrete_value_spec"):
        return chance.choice(list(spec.values))  # type: ignore[no-any-return]
    low, high = spec.min_value, spec.max_value
    value = _scaled(parameter.scale_type, chance.random(), low, high)
    return round(value) if kind == "integer_value_spec" else value


def _scaled(scale: Any, share: float, low: float, high: float) -> float:
    """Return the value that lies so far between two others on a scale."""
    if scale == Scale.UNIT_LOG_SCALE:
        return low * math.pow(high / low, share)
    if scale == Scale.UNIT_REVERSE_LOG_SCALE:
        return high + low - low * math.pow(high / low, share)
    return low + (high - low) * share


def arguments_of(values: Mapping[str, Value]) -> list[str]:
    """Return the arguments by which a trial is told its values."""
    return [f"--{name}={_text(value)}" for name, value in values.items()]


def _text(value: Value) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if whole else value)


def measurements_of(path: Path, metric: str) -> list[Any]:
    """Return what a trial reported of a metric, as ``cloudml-hypertune`` writes it: JSON lines."""
    lines = path.read_text(errors="replace").splitlines() if path.is_file() else []
    found = []
    for line in lines:
        try:
            content = json.loads(line)
            value = float(content[metric])
            step = int(float(content.get("global_step") or 0))
        except (ValueError, LookupError, TypeError, AttributeError):
            continue  # a line that is being written, or of another metric
        if math.isfinite(value):
            measured = {"metric_id": metric, "value": value}
            found.append(types.Measurement(metrics=[measured], step_count=step))
    return found


def final_of(measurements: Sequence[Any], study: Any) -> Any:
    """Return the measurement that counts: the last one, or the best one if the study says so."""
    if study.measurement_selection_type != BEST:
        return measurements[-1]
    maximize = study.metrics[0].goal == Spec.MetricSpec.GoalType.MAXIMIZE
    choose: Callable[..., Any] = max if maximize else min
    return choose(measurements, key=lambda it: it.metrics[0].value)
