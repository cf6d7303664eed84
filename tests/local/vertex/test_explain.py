"""Online explanations of deployed models."""

from collections.abc import Callable
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format
from sklearn.linear_model import LinearRegression

from batchpredict.local.runs import PARENT

MACHINE = {"machine_spec": {"machine_type": "n1-standard-2"}, "min_replica_count": 1}
SPEC: dict[str, Any] = {
    "parameters": {"sampled_shapley_attribution": {"path_count": 10}},
    "metadata": {"inputs": {"features": {}}, "outputs": {"out": {}}},
}


@pytest.fixture(params=["grpc", "rest"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def endpoint(gapic: Callable[[str, str], Any], upload_sklearn: Callable[..., str]) -> str:
    """An endpoint with three deployments of y = 2a - b + 1: explained, not, and switched off."""
    rows = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    fitted = LinearRegression().fit(rows, [1.0, 3.0, 0.0])
    plain = upload_sklearn(fitted)
    explained = upload_sklearn(fitted, explanation_spec={"metadata": SPEC["metadata"]})
    client = gapic("endpoint", "grpc")
    name = client.create_endpoint(parent=PARENT, endpoint={"display_name": "e"}).result().name
    deployments: list[dict[str, Any]] = [
        {"id": "1", "model": explained, "explanation_spec": {"parameters": SPEC["parameters"]}},
        {"id": "2", "model": plain},
        {"id": "3", "model": plain, "explanation_spec": SPEC, "disable_explanations": True},
    ]
    for deployed in deployments:
        client.deploy_model(
            endpoint=name, deployed_model={**deployed, "dedicated_resources": MACHINE}
        ).result()
    return str(name)


def explain(client: Any, endpoint: str, instances: Any, **fields: Any) -> Any:
    content = {"endpoint": endpoint, "instances": instances, **fields}
    kind = types.ExplainRequest
    return client.explain(kind.wrap(json_format.ParseDict(content, kind.pb(kind()))))


def features(explanation: Any) -> Any:
    [attribution] = explanation.attributions
    return list(attribution.feature_attributions["features"])


def test_every_value_of_an_instance_gets_its_part(
    gapic: Callable[[str, str], Any], transport: str, endpoint: str
) -> None:
    client = gapic("prediction", transport)
    reply = explain(client, endpoint, [[3.0, 4.0], [0.0, 1.0]])
    assert list(reply.predictions) == pytest.approx([3.0, 0.0])
    assert reply.deployed_model_id == "1"
    first, second = reply.explanations
    assert features(first) == pytest.approx([6.0, -4.0])
    assert features(second) == pytest.approx([0.0, -1.0])
    assert first.attributions[0].baseline_output_value == pytest.approx(1.0)
    assert first.attributions[0].instance_output_value == pytest.approx(3.0)
    assert first.attributions[0].output_name == "out"


def test_a_request_overrides_baselines_and_parameters(
    gapic: Callable[[str, str], Any], endpoint: str
) -> None:
    client = gapic("prediction", "grpc")
    override = {
        "parameters": {"sampled_shapley_attribution": {"path_count": 5}, "top_k": 1},
        "metadata": {"inputs": {"features": {"input_baselines": [[1.0, 4.0]]}}},
    }
    reply = explain(client, endpoint, [[3.0, 4.0]], explanation_spec_override=override)
    assert features(reply.explanations[0]) == pytest.approx([4.0, 0.0])


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ({"parameters": {"xrai_attribution": {"step_count": 5}}}, "method cannot be changed"),
        ({"parameters": {"sampled_shapley_attribution": {"path_count": 99}}}, "path_count"),
        ({"metadata": {"inputs": {"none": {"input_baselines": [1.0]}}}}, "there is no 'none'"),
    ],
)
def test_a_wrong_override_is_refused(
    gapic: Callable[[str, str], Any],
    transport: str,
    endpoint: str,
    override: dict[str, Any],
    words: str,
) -> None:
    client = gapic("prediction", transport)
    with pytest.raises(exceptions.BadRequest, match=words):
        explain(client, endpoint, [[1.0, 1.0]], explanation_spec_override=override)


def test_examples_are_refused_by_name(gapic: Callable[[str, str], Any], endpoint: str) -> None:
    client, override = gapic("prediction", "grpc"), {"examples_override": {"neighbor_count": 1}}
    with pytest.raises(exceptions.MethodNotImplemented, match="examples_override"):
        explain(client, endpoint, [[1.0, 1.0]], explanation_spec_override=override)


@pytest.mark.parametrize("deployed", ["2", "3"])
def test_a_model_without_explanations_says_so(
    gapic: Callable[[str, str], Any], transport: str, endpoint: str, deployed: str
) -> None:
    client = gapic("prediction", transport)
    with pytest.raises(exceptions.BadRequest, match="has no explanations"):
        explain(client, endpoint, [[1.0, 1.0]], deployed_model_id=deployed)


def test_an_instance_that_does_not_fit_is_named(
    gapic: Callable[[str, str], Any], transport: str, endpoint: str
) -> None:
    client = gapic("prediction", transport)
    short = {"metadata": {"inputs": {"features": {"input_baselines": [[1.0]]}}}}
    with pytest.raises(exceptions.BadRequest, match=r"instances\[0\] cannot be explained"):
        explain(client, endpoint, [[1.0, 1.0]], explanation_spec_override=short)
    with pytest.raises(exceptions.InternalServerError, match="expecting 2 features"):
        explain(client, endpoint, [[1.0, 1.0, 1.0]])
    with pytest.raises(exceptions.NotFound, match="deployed model '9'"):
        explain(client, endpoint, [[1.0, 1.0]], deployed_model_id="9")
