"""What the REST form does with requests that no generated client sends."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from google.api import httpbody_pb2
from google.cloud.aiplatform_v1 import types
from google.longrunning import operations_pb2
from google.protobuf import json_format, wrappers_pb2

from batchpredict.local.network.http import HttpRequest, HttpResponse
from batchpredict.local.network.rest import RestApi, _put
from batchpredict.local.network.rpcs import Rpc, load_rpcs, protobuf
from batchpredict.local.vertex.errors import not_found

PARENT = "/v1/projects/p/locations/l"
OPERATION = "projects/p/locations/l/operations/1"
RPCS = load_rpcs()


class Recorder:
    """Keeps the last request, and answers a reply that can be chosen."""

    def __init__(self) -> None:
        self.method = ""
        self.request: Any = None
        self.reply: Any = types.Model()

    def call(self, rpc: Rpc, request: Any, _: Mapping[str, str]) -> Any:
        self.method, self.request = rpc.method, protobuf(request)
        return self.reply


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def api(recorder: Recorder) -> RestApi:
    operations = {OPERATION: operations_pb2.Operation(name=OPERATION, done=True)}
    return RestApi(RPCS, recorder.call, operations.get)


def ask(
    api: RestApi, verb: str, path: str, body: Any = b"", query: tuple[tuple[str, str], ...] = ()
) -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = api.handle(HttpRequest(verb, path, query, {}, data, "https://x"))
    return reply.status, json.loads(reply.body)


def refusal(api: RestApi, *arguments: Any, **options: Any) -> tuple[int, str]:
    status, content = ask(api, *arguments, **options)
    assert content["error"]["code"] == status
    return status, content["error"]["status"]


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", f"{PARENT}/spaceships"),
        ("PUT", f"{PARENT}/models"),
        ("GET", f"{PARENT}/models/a/b/c"),
        ("GET", f"{PARENT}/models/a:unheard"),
        ("POST", f"{PARENT}:upload"),
        ("GET", f"/v1/x{PARENT}/models"),
        ("DELETE", f"/v1/{OPERATION}"),
        ("POST", f"/v1/{OPERATION}:cancel"),
        ("GET", f"/v1/{OPERATION}:wait"),
    ],
)
def test_an_unknown_method_is_unimplemented(api: RestApi, verb: str, path: str) -> None:
    assert refusal(api, verb, path) == (501, "UNIMPLEMENTED")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"3",
        b"\xff",
        {"nope": 1},
        {"model": {"displayNames": "x"}},
        {"model": {"displayName": 3}},
        {"model": 5},
    ],
)
def test_a_wrong_body_is_an_invalid_argument(api: RestApi, body: Any) -> None:
    assert refusal(api, "POST", f"{PARENT}/models:upload", body) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("body", [[], None, "text"])
def test_a_body_that_is_one_field_must_be_an_object(api: RestApi, body: Any) -> None:
    assert refusal(api, "PATCH", f"{PARENT}/models/1", body) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    "pair",
    [("nope", "1"), ("pageSize", "x"), ("page_size.x", "1"), ("readMask.nope", "1")],
)
def test_a_wrong_query_is_an_invalid_argument(api: RestApi, pair: tuple[str, str]) -> None:
    found = refusal(api, "GET", f"{PARENT}/models", query=(pair,))
    assert found == (400, "INVALID_ARGUMENT")


def test_a_refusal_carries_its_code_and_message() -> None:
    def refuse(*_: Any) -> Any:
        raise not_found("that")

    status, content = ask(RestApi(RPCS, refuse, lambda _: None), "GET", f"{PARENT}/models/1")
    assert status == 404
    error = {"code": 404, "message": "that is not found.", "status": "NOT_FOUND"}
    assert content == {"error": error}


def test_enums_are_names_or_on_demand_numbers(api: RestApi, recorder: Recorder) -> None:
    recorder.reply = types.BatchPredictionJob(state=types.JobState.JOB_STATE_SUCCEEDED)
    path = f"{PARENT}/batchPredictionJobs/1"
    assert ask(api, "GET", path)[1]["state"] == "JOB_STATE_SUCCEEDED"
    for name in ("$alt", "alt"):
        query = ((name, "json;enum-encoding=int"),)
        wanted = 4 if name == "$alt" else "JOB_STATE_SUCCEEDED"
        assert ask(api, "GET", path, query=query)[1]["state"] == wanted


def test_fields_of_the_query_are_typed_repeated_and_nested() -> None:
    message = types.BatchPredictionJob.pb(types.BatchPredictionJob())
    content: dict[str, Any] = {}
    for name, text in [
        ("generateExplanation", "true"),
        ("disable_container_logging", "False"),
        ("inputConfig.gcsSource.uris", "gs://b/1"),
        ("inputConfig.gcsSource.uris", "gs://b/2"),
        ("manualBatchTuningParameters.batchSize", "7"),
    ]:
        _put(content, name.split("."), text, message.DESCRIPTOR)
    json_format.ParseDict(content, message)
    job = types.BatchPredictionJob.wrap(message)
    assert (job.generate_explanation, job.disable_container_logging) == (True, False)
    assert list(job.input_config.gcs_source.uris) == ["gs://b/1", "gs://b/2"]
    assert job.manual_batch_tuning_parameters.batch_size == 7


def test_a_name_in_the_path_is_decoded(api: RestApi, recorder: Recorder) -> None:
    assert ask(api, "GET", f"{PARENT}/models/1%402")[0] == 200
    assert recorder.request.name == "projects/p/locations/l/models/1@2"


def test_the_longer_pattern_wins(api: RestApi, recorder: Recorder) -> None:
    ask(api, "POST", f"{PARENT}/models:upload", {})
    assert recorder.method == "UploadModel"
    ask(api, "GET", f"{PARENT}/models/1:listVersions")
    assert recorder.method == "ListModelVersions"


def test_a_raw_prediction_passes_bytes_both_ways(recorder: Recorder, api: RestApi) -> None:
    recorder.reply = httpbody_pb2.HttpBody(content_type="text/x", data=b"\x00out")
    headers = {"content-type": "application/y"}
    path = f"{PARENT}/endpoints/1:rawPredict"
    reply = api.handle(HttpRequest("POST", path, (), headers, b"\xffin"))
    assert reply == HttpResponse(200, b"\x00out", {"Content-Type": "text/x"})
    assert recorder.request.http_body.data == b"\xffin"
    assert recorder.request.http_body.content_type == "application/y"


def test_an_operation_is_found_or_not(api: RestApi) -> None:
    assert ask(api, "GET", f"/v1/{OPERATION}") == (200, {"name": OPERATION, "done": True})
    assert ask(api, "POST", f"/v1/{OPERATION}:wait")[0] == 200
    assert refusal(api, "GET", f"/v1/{OPERATION}0") == (404, "NOT_FOUND")


def test_the_reply_of_an_operation_is_packed(api: RestApi) -> None:
    operation = operations_pb2.Operation(name=OPERATION, done=True)
    operation.response.Pack(wrappers_pb2.StringValue(value="x"))
    api = RestApi(RPCS, lambda *_: None, {OPERATION: operation}.get)
    _, content = ask(api, "GET", f"/v1/{OPERATION}")
    assert content["response"] == {
        "@type": "type.googleapis.com/google.protobuf.StringValue",
        "value": "x",
    }
