"""Every reply over REST is the published message: no field is unknown, no method is left out."""

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf import json_format
from local.vertex.metadata.test_service import lineage
from local.vertex.surface.support import Maker
from sklearn.linear_model import LinearRegression

from batchpredict.local.network.rpcs import Rpc, load_rpcs
from batchpredict.local.runs import PARENT
from batchpredict.local.vertex.services import KINDS
from batchpredict.local.vertex.surface.fields import FIELDS
from batchpredict.local.vertex.surface.page import emulates

HOST = "us-central1-aiplatform.googleapis.com"
READING = {rpc.method: rpc for rpc in load_rpcs().values() if emulates(rpc) and rpc.rules}
STORE = f"{PARENT}/metadataStores/default"


@pytest.fixture(scope="module")
def paths(
    gapic: Callable[[str, str], Any],
    upload_sklearn: Callable[..., str],
    run_pipeline: Callable[..., Any],
) -> list[str]:
    """The paths of one resource of each kind, and of the lists of all."""
    model = upload_sklearn(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]))
    maker = Maker(gapic, model)
    made = [model, f"{model}@1", STORE]
    for method in FIELDS:
        reply = maker.send(method, maker.accepted(method))
        made += [str(reply.name)] if hasattr(reply, "name") else []
    job = run_pipeline(lineage, number=1)
    [task] = [it for it in job.job_detail.task_details if it.task_name == "use"]
    artifact = task.outputs["model"].artifacts[0].name
    run = job.job_detail.pipeline_run_context.name
    made += [job.name, run, task.execution.name, artifact]
    lists = [f"{PARENT}/{kind}" for kind in (*KINDS, "metadataStores")]
    lists += [f"{STORE}/{kind}" for kind in ("contexts", "executions", "artifacts")]
    return [
        *made,
        *lists,
        f"{model}:listVersions",
        f"{run}:queryContextLineageSubgraph",
        f"{task.execution.name}:queryExecutionInputsAndOutputs",
        f"{artifact}:queryArtifactLineageSubgraph",
    ]


def method_of(path: str) -> Rpc | None:
    """Return the most specific emulated method that reads a path."""
    found = [
        (len(rule.path.pattern), rpc.path, rpc)
        for rpc in READING.values()
        for rule in rpc.rules
        if rule.verb == "GET" and rule.path.fullmatch(f"/v1/{path}")
    ]
    return max(found)[2] if found else None


def test_every_reply_is_the_published_message(
    gapic: Callable[[str, str], Any], paths: list[str]
) -> None:
    session = gapic("model", "rest").transport._session
    read = set()
    for path in paths:
        rpc = method_of(path)
        assert rpc is not None, path
        reply = session.get(f"https://{HOST}/v1/{path}", timeout=30)
        assert reply.status_code == 200, (path, reply.text)
        kind = rpc.response_type
        json_format.Parse(reply.text, kind.pb(kind()), ignore_unknown_fields=False)
        read.add(rpc.method)
    wanted = {
        rpc.method for rpc in READING.values() if any(rule.verb == "GET" for rule in rpc.rules)
    }
    assert read == wanted
