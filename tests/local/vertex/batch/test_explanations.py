"""Explanations as an ``ExplanationSpec`` asks for them, in the shape of the published message."""

import itertools
import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types

from batchpredict.local.vertex.batch.explanations import (
    Explainer,
    check_explanations,
    explanation_spec,
)
from batchpredict.local.vertex.batch.features import ExplainError
from batchpredict.local.vertex.errors import ServiceError

Model = Callable[[Any], Any]


def spec(inputs: Any = None, outputs: Any = None, *, paths: int = 10, **parameters: Any) -> Any:
    content = {
        "parameters": {"sampled_shapley_attribution": {"path_count": paths}, **parameters},
        "metadata": {
            "inputs": {"features": {}} if inputs is None else inputs,
            "outputs": {"out": {}} if outputs is None else outputs,
        },
    }
    return spec_of(content)


def spec_of(content: Any) -> Any:
    return types.ExplanationSpec.from_json(json.dumps(content), ignore_unknown_fields=False)


def explained(wanted: Any, model: Model, instance: Any) -> list[Any]:
    def predict(instances: Sequence[Any]) -> list[Any]:
        return [model(it) for it in instances]

    text = Explainer(wanted, predict).explain(instance, model(instance))
    assert "\n" not in text
    types.Explanation.from_json(text, ignore_unknown_fields=False)
    content = json.loads(text)
    assert list(content) == ["attributions"]
    return list(content["attributions"])


def product(row: Sequence[float]) -> float:
    return 3 + 2 * row[0] - row[1] + row[0] * row[1] * row[2]


def test_a_list_gets_a_list_of_exact_values() -> None:
    [found] = explained(spec(), product, [1, 2, 4])
    # 2x is the first value's, -y the second's; xyz = 8 is shared, as zero of any makes it zero.
    parts = [2 + 8 / 3, -2 + 8 / 3, 8 / 3]
    assert found == {
        "baselineOutputValue": 3.0,
        "instanceOutputValue": 11.0,
        "featureAttributions": {"features": pytest.approx(parts)},
        "outputName": "out",
    }


def test_fields_of_an_object_are_explained_by_name() -> None:
    def model(row: Any) -> float:
        return float(row["a"] * 2 + len(row["b"]) + (10 if row["c"] else 0))

    instance = {"a": 3, "b": "four", "c": True, "other": 1}
    [found] = explained(spec({"a": {}, "b": {}, "c": {}}), model, instance)
    assert found["featureAttributions"] == {"a": 6.0, "b": 4.0, "c": 10.0}
    assert "baselineOutputValue" not in found  # 0 is left out, as proto3 does


def test_what_is_not_named_keeps_its_value() -> None:
    [found] = explained(spec({"a": {}}), lambda row: row["a"] + row["b"], {"a": 1, "b": 5})
    assert (found["baselineOutputValue"], found["featureAttributions"]) == (5.0, {"a": 1.0})


def test_lists_and_objects_keep_their_shape() -> None:
    def model(row: Any) -> float:
        return float(row["m"][0][1] * 10 + row["m"][1][0] + row["s"]["x"])

    instance = {"m": [[1, 2], [3, 4]], "s": {"x": 5}}
    [found] = explained(spec({"m": {}, "s": {}}, paths=50), model, instance)
    attributions = found["featureAttributions"]
    assert attributions["m"] == [pytest.approx([0, 20]), pytest.approx([3, 0])]
    assert attributions["s"] == {"x": pytest.approx(5)}


def test_a_bag_of_features_is_named_by_its_mapping() -> None:
    bag = {"encoding": "BAG_OF_FEATURES", "index_feature_mapping": ["age", "height", "weight"]}
    [found] = explained(spec({"features": bag}), sum, [1, 2, 3])
    assert found["featureAttributions"] == {"age": 1.0, "height": 2.0, "weight": 3.0}


def test_a_group_counts_as_one_feature() -> None:
    inputs = {"a": {"group_name": "g"}, "b": {"group_name": "g"}, "c": {}}

    def model(row: Any) -> float:
        return float(row["a"] * row["b"] + row["c"])

    [found] = explained(spec(inputs), model, {"a": 2, "b": 3, "c": 1})
    assert found["featureAttributions"] == {"g": 6.0, "c": 1.0}


@pytest.mark.parametrize(
    ("baselines", "before"),
    [([[1, 1]], 2.0), ([5], 10.0), ([[[1, 2]]], 3.0), ([[1, 1], [3, 3]], 4.0)],
)
def test_baselines_are_lists_one_number_for_all_or_several(baselines: Any, before: float) -> None:
    [found] = explained(spec({"x": {"input_baselines": baselines}}), sum, [10, 20])
    assert found["baselineOutputValue"] == before
    assert sum(found["featureAttributions"]["x"]) == pytest.approx(30 - before)


def test_attributions_over_several_baselines_are_means() -> None:
    def model(row: Any) -> float:
        return float(row[0] * row[1])

    parts = []
    for baselines in ([[0, 0]], [[2, 2]], [[0, 0], [2, 2]]):
        [found] = explained(spec({"x": {"input_baselines": baselines}}), model, [3, 5])
        parts.append(found["featureAttributions"]["x"])
    assert parts[2] == [pytest.approx((a + b) / 2) for a, b in zip(*parts[:2], strict=True)]


def scores(row: Sequence[float]) -> list[float]:
    return [row[0], row[1], row[0] + row[1]]


@pytest.mark.parametrize(
    ("parameters", "indices"),
    [
        ({}, [[2]]),  # the greatest
        ({"top_k": 2}, [[2], [1]]),
        ({"top_k": -1}, [[2], [1], [0]]),
        ({"top_k": 9}, [[2], [1], [0]]),
        ({"output_indices": [0, 1]}, [[0], [1]]),
    ],
)
def test_which_outputs_are_explained(parameters: Any, indices: Any) -> None:
    found = explained(spec(**parameters), scores, [1, 2])
    assert [it.get("outputIndex") for it in found] == indices
    for it in found:
        assert it["instanceOutputValue"] == scores([1, 2])[it["outputIndex"][0]]


def test_the_name_of_an_output_stands_in_the_spec_or_in_the_prediction() -> None:
    static = {"p": {"index_display_name_mapping": ["no", "maybe", "yes"]}}
    [found] = explained(spec(outputs=static), scores, [1, 2])
    assert found["outputDisplayName"] == "yes"

    def model(row: Any) -> Any:
        return {"classes": ["b", "a", "c"], "scores": scores(row)}

    by_key = {"scores": {"display_name_mapping_key": "classes"}}
    [found] = explained(spec(outputs=by_key), model, [1, 2])
    assert (found["outputDisplayName"], found["outputName"]) == ("c", "scores")


def deep(row: Sequence[float]) -> float:
    return math.prod(1 + x for x in row[:6]) - sum(a * b for a, b in itertools.pairwise(row))


@pytest.mark.parametrize("paths", [1, 10, 50])
def test_sampled_parts_add_up_to_what_the_output_gained(paths: int) -> None:
    row = [0.5, -1, 2, 0.25, 1, 3, -2, 1, 0.125, 4, 1, 2]
    [found] = explained(spec(paths=paths), deep, row)
    gained = found["instanceOutputValue"] - found.get("baselineOutputValue", 0)
    assert math.fsum(found["featureAttributions"]["features"]) == pytest.approx(gained)
    assert ("approximationError" in found) == (paths > 1)
    assert explained(spec(paths=paths), deep, row) == [found]  # nothing is left to chance


def test_the_order_of_fields_changes_nothing() -> None:
    names = [f"f{number:02}" for number in range(12)]

    def model(row: Any) -> float:
        return deep([row[name] for name in names])

    row = {name: number % 5 - 1.5 for number, name in enumerate(names)}
    forth, back = ({name: dict[str, Any]() for name in it} for it in (names, names[::-1]))
    [once] = explained(spec(forth), model, row)
    [again] = explained(spec(back), model, dict(reversed(row.items())))
    assert once == again
    assert list(again["featureAttributions"]) == names


@pytest.mark.parametrize(
    ("wanted", "prediction", "instance", "words"),
    [
        (spec(), "Adelie", [1], "the output 'out' is not a number: 'Adelie'"),
        (spec(), None, [1], "is not a number"),
        (spec(), float("nan"), [1], "is not a number"),
        (spec(), {"other": 1}, [1], r"no value at \['out'\]"),
        (spec({"a": {}}), 1, {"b": 1}, "the instance has no field 'a'"),
        (spec({"a": {}, "b": {}}), 1, [1, 2], "one feature, not several"),
        (spec(output_indices=[7]), [1, 2], [1], r"no value at \[7\]"),
        (spec({"a": {"input_baselines": [[1]]}}), 1, [1, 2], r"no value at \[1\]"),
    ],
)
def test_what_cannot_be_explained_is_said(
    wanted: Any, prediction: Any, instance: Any, words: str
) -> None:
    with pytest.raises(ExplainError, match=words):
        explained(wanted, lambda _: prediction, instance)


def test_too_many_values_are_refused_by_name() -> None:
    with pytest.raises(ServiceError, match="explaining 1001 values") as caught:
        explained(spec(), len, [0] * 1001)
    assert caught.value.status == "UNIMPLEMENTED"


INVALID, UNIMPLEMENTED = "INVALID_ARGUMENT", "UNIMPLEMENTED"
PATHS = {"sampled_shapley_attribution": {"path_count": 5}}
GOOD: dict[str, Any] = {"inputs": {"a": {}}, "outputs": {"o": {}}}
SPARSE = {"inputs": {"a": {"encoding": "INDICATOR"}}, "outputs": {"o": {}}}
NO_MAPPING = {"inputs": {"a": {"encoding": "BAG_OF_FEATURES"}}, "outputs": {"o": {}}}
UNEQUAL = {"a": {"input_baselines": [1, 2]}, "b": {"input_baselines": [1, 2, 3]}}


@pytest.mark.parametrize(
    ("parameters", "metadata", "words", "status"),
    [
        ({}, GOOD, "parameters of the job or the model must be set", INVALID),
        ({"examples": {}}, GOOD, "parameters.examples", INVALID),
        (
            {"integrated_gradients_attribution": {"step_count": 5}},
            GOOD,
            "parameters.integrated_gradients_attribution",
            UNIMPLEMENTED,
        ),
        ({"xrai_attribution": {"step_count": 5}}, GOOD, "xrai_attribution", UNIMPLEMENTED),
        ({"sampled_shapley_attribution": {"path_count": 0}}, GOOD, "path_count", INVALID),
        ({"sampled_shapley_attribution": {"path_count": 51}}, GOOD, "path_count", INVALID),
        ({**PATHS, "top_k": -2}, GOOD, "top_k", INVALID),
        (PATHS, {"outputs": {"o": {}}}, "metadata.inputs", INVALID),
        (PATHS, {"inputs": {"a": {}}}, "metadata.outputs", INVALID),
        (PATHS, {**GOOD, "outputs": {"o": {}, "p": {}}}, "metadata.outputs", INVALID),
        (PATHS, SPARSE, r"inputs\['a'\].encoding INDICATOR", UNIMPLEMENTED),
        (PATHS, NO_MAPPING, "index_feature_mapping", INVALID),
        (PATHS, {**GOOD, "inputs": UNEQUAL}, "input_baselines", INVALID),
    ],
)
def test_a_spec_that_cannot_be_followed_is_refused_by_field(
    parameters: Any, metadata: Any, words: str, status: str
) -> None:
    wanted = spec_of({"parameters": parameters, "metadata": metadata})
    job = types.BatchPredictionJob(generate_explanation=True, explanation_spec=wanted)
    with pytest.raises(ServiceError, match=words) as caught:
        check_explanations(job, types.Model())
    assert caught.value.status == status


def test_explanations_are_not_written_as_csv_nor_made_unasked() -> None:
    job = types.BatchPredictionJob(
        generate_explanation=True, output_config={"predictions_format": "csv"}
    )
    with pytest.raises(ServiceError, match="predictions_format 'csv'"):
        check_explanations(job, types.Model(explanation_spec=spec()))
    unasked = types.BatchPredictionJob(explanation_spec=spec())
    with pytest.raises(ServiceError, match="explanation_spec needs generate_explanation"):
        check_explanations(unasked, types.Model())


def test_each_part_that_the_job_lacks_is_the_models() -> None:
    model = types.Model(explanation_spec=spec({"of model": {}}, paths=7))
    found = explanation_spec(types.BatchPredictionJob(), model)
    assert found == model.explanation_spec
    job = types.BatchPredictionJob(explanation_spec={"parameters": PATHS})
    mixed = explanation_spec(job, model)
    assert mixed.parameters.sampled_shapley_attribution.path_count == 5
    assert list(mixed.metadata.inputs) == ["of model"]
    check_explanations(types.BatchPredictionJob(generate_explanation=True), model)
