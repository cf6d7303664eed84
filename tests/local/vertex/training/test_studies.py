"""The values that trials try, and the measurements they report."""

import json
from pathlib import Path
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types

from batchpredict.local.vertex.errors import ServiceError
from batchpredict.local.vertex.training.studies import (
    arguments_of,
    check_study,
    final_of,
    measurements_of,
    trials_of,
)

GRID = types.StudySpec.Algorithm.GRID_SEARCH
LAYERS = {"parameter_id": "layers", "integer_value_spec": {"min_value": 1, "max_value": 3}}
KIND = {"parameter_id": "kind", "categorical_value_spec": {"values": ["a", "b"]}}
SIZE = {"parameter_id": "size", "discrete_value_spec": {"values": [8.0, 0.5]}}
RATE = {
    "parameter_id": "rate",
    "double_value_spec": {"min_value": 0.001, "max_value": 1.0},
    "scale_type": "UNIT_LOG_SCALE",
}


def study(*parameters: Any, **fields: Any) -> Any:
    metric = {"metric_id": "accuracy", "goal": "MAXIMIZE"}
    return types.StudySpec(**{"metrics": [metric], "parameters": parameters, **fields})


def test_a_grid_is_walked_to_its_end() -> None:
    grid = study(LAYERS, KIND, SIZE, algorithm=GRID)
    check_study(grid)
    points = list(trials_of(grid, 100))
    assert len(points) == 12 == len({tuple(it.items()) for it in points})
    assert points[0] == {"layers": 1, "kind": "a", "size": 8.0}
    assert len(list(trials_of(grid, 5))) == 5


def test_random_values_are_where_they_may_be_and_come_again() -> None:
    wanted = study(LAYERS, KIND, SIZE, RATE)
    check_study(wanted)
    found = list(trials_of(wanted, 200))
    assert found == list(trials_of(wanted, 200))
    assert {it["layers"] for it in found} == {1, 2, 3}
    assert {it["kind"] for it in found} == {"a", "b"}
    assert {it["size"] for it in found} == {8.0, 0.5}
    rates = [float(it["rate"]) for it in found]
    assert min(rates) >= 0.001
    assert max(rates) <= 1.0
    below = sum(rate < 0.0316 for rate in rates)  # the middle of a logarithmic scale
    assert 60 < below < 140


def test_values_become_arguments() -> None:
    values: dict[str, str | float] = {"layers": 2, "rate": 0.5, "size": 8.0, "kind": "a b"}
    assert arguments_of(values) == ["--layers=2", "--rate=0.5", "--size=8", "--kind=a b"]


def test_measurements_are_read_as_hypertune_writes_them(tmp_path: Path) -> None:
    path = tmp_path / "output.metrics"
    lines = [
        {"trial": "1", "accuracy": "0.5", "global_step": "1", "timestamp": 1.0},
        {"trial": "1", "accuracy": "0.9", "global_step": "2"},
        {"trial": "1", "other": "1.0"},
        {"trial": "1", "accuracy": "nan"},
        {"trial": "1", "accuracy": 0.7},
    ]
    path.write_text("\n".join(map(json.dumps, lines)) + '\n{"accuracy": "0.')
    found = measurements_of(path, "accuracy")
    assert [(it.metrics[0].value, it.step_count) for it in found] == [(0.5, 1), (0.9, 2), (0.7, 0)]
    assert final_of(found, study()).metrics[0].value == 0.7
    best = study(measurement_selection_type="BEST_MEASUREMENT")
    assert final_of(found, best).metrics[0].value == 0.9
    best.metrics[0].goal = types.StudySpec.MetricSpec.GoalType.MINIMIZE
    assert final_of(found, best).metrics[0].value == 0.5
    assert measurements_of(tmp_path / "none", "accuracy") == []


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (study(KIND, metrics=[]), "one metric"),
        (study(KIND, metrics=[{"metric_id": "m"}]), "one metric"),
        (study(), "parameter_id of its own"),
        (study(KIND, KIND), "parameter_id of its own"),
        (study({"parameter_id": "p"}), "needs a value spec"),
        (study({"parameter_id": "p", "categorical_value_spec": {}}), "must not be empty"),
        (
            study({**LAYERS, "integer_value_spec": {"min_value": 2, "max_value": 1}}),
            "greater than max_value",
        ),
        (
            study({**RATE, "double_value_spec": {"min_value": 0.0, "max_value": 1.0}}),
            "logarithmic scale",
        ),
        (study(RATE, algorithm=GRID), "GRID_SEARCH"),
        (
            study(
                {**LAYERS, "integer_value_spec": {"min_value": 1, "max_value": 10_001}},
                algorithm=GRID,
            ),
            "at most 10000 points",
        ),
    ],
)
def test_a_study_without_sense_is_refused(wanted: Any, words: str) -> None:
    with pytest.raises(ServiceError, match=words) as caught:
        check_study(wanted)
    assert caught.value.status == "INVALID_ARGUMENT"
