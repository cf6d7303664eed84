"""How long a prediction may take is said by the endpoint."""

from collections.abc import Callable
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.aiplatform_v1 import types
from google.protobuf import duration_pb2
from sklearn.linear_model import LinearRegression

from batchpredict.local.runs import PARENT

MACHINE = {"machine_spec": {"machine_type": "n1-standard-2"}, "min_replica_count": 1}


def change(client: Any, name: str, nanos: int, **fields: Any) -> Any:
    timeout = {"inference_timeout": duration_pb2.Duration(nanos=nanos)}
    endpoint = types.Endpoint(name=name, client_connection_config=timeout, **fields)
    return client.update_endpoint_long_running(endpoint=endpoint).result()


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_a_reply_that_does_not_come_in_time_is_given_up(
    gapic: Callable[[str, str], Any], upload_sklearn: Callable[..., str], transport: str
) -> None:
    model = upload_sklearn(LinearRegression().fit([[0.0], [1.0]], [7.0, 7.0]))
    client, ask = gapic("endpoint", transport), gapic("prediction", transport)
    made = client.create_endpoint(parent=PARENT, endpoint={"display_name": "slow"}).result()
    deployed = {"model": model, "dedicated_resources": MACHINE}
    client.deploy_model(endpoint=made.name, deployed_model=deployed).result()
    assert change(client, made.name, 1_000_000, display_name="other").display_name == "slow"
    with pytest.raises((exceptions.DeadlineExceeded, exceptions.GatewayTimeout), match="within"):
        ask.predict(endpoint=made.name, instances=[[1.0]] * 20_000)
    with pytest.raises(exceptions.Conflict):
        change(client, made.name, 0, etag="old")
    changed = client.get_endpoint(name=made.name)
    assert changed.etag != made.etag
    longer = types.Endpoint(name=made.name, etag=changed.etag)
    client.update_endpoint_long_running(endpoint=longer).result()
    assert list(ask.predict(endpoint=made.name, instances=[[1.0]]).predictions) == [7.0]
