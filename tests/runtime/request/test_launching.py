"""What Google's launcher would lose or not understand."""

import json
from pathlib import Path

import pytest
from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format
from google_cloud_pipeline_components.container.v1.gcp_launcher.utils.json_util import (
    recursive_remove_empty,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from batchpredict.runtime.request.launching import (
    dropped_value,
    launcher_inputs,
    python_spelling,
    write_request,
)
from batchpredict.runtime.request.submitting import submission_key

plain = (
    st.none() | st.booleans() | st.integers(-2, 2) | st.floats(-1, 1) | st.sampled_from(["", "a"])
)
values = st.recursive(
    plain,
    lambda it: st.lists(it, max_size=3) | st.dictionaries(st.sampled_from("abc"), it, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from("abc"), values, min_size=1, max_size=3))
def test_what_the_launcher_drops_is_found(value: dict) -> None:
    """The oracle is Google's own function, which is handed the request."""
    sent = recursive_remove_empty(json.loads(json.dumps(value)))
    assert (dropped_value(value, "p") == "") == (sent == value)


def test_the_value_is_named() -> None:
    inputs = {"model_parameters": {"a": {"confidenceThreshold": 0.0}}}
    with pytest.raises(ValueError, match=r"^E137 model_parameters\.a\.conf\w+=0\.0 would"):
        launcher_inputs(inputs, "gs://b/step")


def test_outputs_may_be_empty_as_googles_component_keeps_them() -> None:
    metadata = {"inputs": {"x": {"a": 1}}, "outputs": {"y": {}}}
    assert (
        launcher_inputs({"explanation_metadata": metadata}, "x")["explanation_metadata"]
        == metadata
    )
    kept = recursive_remove_empty({"explanation_spec": {"metadata": metadata}})
    assert kept == {"explanation_spec": {"metadata": metadata}}
    with pytest.raises(ValueError, match=r"^E137 explanation_metadata\.inputs\.x="):
        launcher_inputs({"explanation_metadata": {"inputs": {"x": {}}}}, "x")


def test_explanations_may_be_spelled_as_in_rest() -> None:
    rest = {
        "inputs": {"myFeature": {"inputBaselines": [1.5], "inputTensorName": "x"}},
        "outputs": {"theOutput": {"outputTensorName": "y"}},
    }
    spelled = python_spelling(rest)
    assert spelled["inputs"]["myFeature"] == {"input_baselines": [1.5], "input_tensor_name": "x"}
    assert list(spelled["outputs"]) == ["theOutput"]
    kind = types.ExplanationMetadata
    json_format.ParseDict(spelled, kind.pb(kind()))
    parameters = python_spelling({"sampledShapleyAttribution": {"pathCount": 5}, "topK": 2})
    assert parameters == {"sampled_shapley_attribution": {"path_count": 5}, "top_k": 2}
    types.ExplanationParameters(parameters)
    assert python_spelling(parameters) == parameters


def test_the_job_gets_a_label_to_be_found_by() -> None:
    made = launcher_inputs({"labels": {"team": "a"}}, "gs://b/step")
    key = submission_key("gs://b/step")
    assert made["step_label"] == key
    assert made["labels"] == {"team": "a", "batchpredict-step": key}
    assert launcher_inputs({}, "x")["explanation_metadata"] == {}


def test_the_request_is_written(tmp_path: Path) -> None:
    class Artifact:
        uri = str(tmp_path / "deep" / "request")

        @property
        def path(self) -> str:
            return self.uri

    artifact = Artifact()
    write_request(artifact, {"job_display_name": "x"}, "projects/p/locations/l")
    assert json.loads(Path(f"{tmp_path}/deep/request.json").read_text()) == {
        "parent": "projects/p/locations/l",
        "batchPredictionJob": {"displayName": "x"},
    }
