"""Requests are values: made and compared without Google's SDK."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format
from helpers import ROOT
from talking import compiled

from batchpredict import vertex
from batchpredict.errors import UsageError
from batchpredict.pipeline_files import CompiledPipeline, read_pipeline
from batchpredict.vertex.links import job_link, run_link, schedule_link

PLACE: dict[str, Any] = {
    "project": "my-project",
    "location": "europe-west4",
    "pipeline_root": "gs://bucket/runs",
}
KEYS = "projects/p/locations/{}/keyRings/r/cryptoKeys/k"
HEAVY = (
    "google.cloud.aiplatform",
    "google.cloud.aiplatform_v1",
    "google.auth",
    "grpc",
    "kfp",
    "google.protobuf",
    "pydantic",
)


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> CompiledPipeline:
    return read_pipeline(str(compiled(tmp_path_factory.mktemp("talk"))))


def request(talk: CompiledPipeline, **options: Any) -> vertex.PipelineRun:
    return vertex.pipeline_run(talk, **{**PLACE, "parameters": {"text": "x"}, **options})


def test_a_request_has_what_was_given_and_nothing_else(talk: CompiledPipeline) -> None:
    made = request(talk, run_id="one", parameters={"text": "x", "seconds": 1, "count": None})
    assert made.to_dict() == {
        "parent": "projects/my-project/locations/europe-west4",
        "pipelineJobId": "one",
        "pipelineJob": {
            "displayName": "talk",
            "labels": {"batchpredict-pipeline": "talk", "batchpredict-version": "0-1-0"},
            "pipelineSpec": talk.spec,
            "runtimeConfig": {
                "gcsOutputDirectory": "gs://bucket/runs",
                "parameterValues": {"text": "x", "seconds": 1.0},
            },
        },
    }
    assert json.loads(made.to_json()) == made.to_dict()
    assert made.name == "projects/my-project/locations/europe-west4/pipelineJobs/one"


def test_a_whole_request_is_a_pipeline_job(talk: CompiledPipeline) -> None:
    made = request(
        talk,
        display_name="Nightly",
        service_account="runner@my-project.iam.gserviceaccount.com",
        network="projects/1/global/networks/default",
        encryption_key=KEYS.format("europe-west4"),
        labels={"team": "churn"},
        failure_policy="fast",
        enable_caching=True,
    )
    job = json_format.ParseDict(dict(made.pipeline_job), types.PipelineJob.pb(types.PipelineJob()))
    assert job.display_name == "Nightly"
    assert job.encryption_spec.kms_key_name == KEYS.format("europe-west4")
    assert job.runtime_config.failure_policy == types.PipelineFailurePolicy(2)
    assert job.labels["team"] == "churn"
    tasks = made.pipeline_job["pipelineSpec"]["root"]["dag"]["tasks"].values()
    assert [task["cachingOptions"] for task in tasks] == [{"enableCache": True}] * 2


def test_caching_is_set_in_nested_graphs_and_the_pipeline_stays_as_it_was() -> None:
    ours = read_pipeline("train_and_batch_predict")
    before = json.dumps(ours.spec)
    made = vertex.pipeline_run(
        ours,
        **PLACE,
        parameters={"dataset_uri": "gs://b/x.csv", "target_column": "y"},
        enable_caching=False,
    )
    spec = made.pipeline_job["pipelineSpec"]
    graphs = [spec["root"], *spec["components"].values()]
    tasks = [task for it in graphs for task in it.get("dag", {}).get("tasks", {}).values()]
    assert len(tasks) > len(spec["root"]["dag"]["tasks"])
    assert all(task["cachingOptions"] == {"enableCache": False} for task in tasks)
    assert json.dumps(ours.spec) == before


def test_ids_that_nobody_chose_differ(talk: CompiledPipeline) -> None:
    ids = {request(talk).pipeline_job_id for _ in range(20)}
    assert len(ids) > 1
    assert all(it.startswith("talk-20") for it in ids)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"project": "My Project"}, "E400 project is 'My Project'"),
        ({"project": "p/locations/x"}, "E400 project"),
        ({"location": "global"}, "E400 location is 'global'"),
        ({"pipeline_root": ""}, "E400 pipeline_root is ''"),
        ({"pipeline_root": "s3://x"}, "E400 pipeline_root"),
        ({"service_account": "runner"}, "E400 service_account is 'runner'"),
        ({"network": "default"}, "E400 network is 'default'"),
        ({"encryption_key": "key"}, "E400 encryption_key is 'key'"),
        ({"encryption_key": KEYS.format("us-central1")}, "E400 encryption_key is "),
        ({"failure_policy": "medium"}, "E400 failure_policy is 'medium'"),
        ({"run_id": "9lives"}, "E400 run_id is '9lives'"),
        ({"run_id": "a" * 128}, "E400 run_id"),
        ({"labels": {"Team": "x"}}, "E400 label Team=x"),
        ({"labels": {"team": "x y"}}, "E400 label team=x y"),
        ({"labels": {"t" * 64: "x"}}, "E400 label"),
        ({"labels": {f"k{n}": "x" for n in range(63)}}, "E400 63 labels"),
        ({"display_name": "x" * 129}, "E400 display_name"),
        ({"parameters": {}}, "E106 talk needs text"),
        ({"parameters": {"text": "x", "txet": "y"}}, "E104 talk: there is no parameter 'txet'"),
        ({"parameters": {"text": 3}}, "E105 parameter 'text' takes a text"),
        ({"parameters": {"text": "x", "count": True}}, "E105 parameter 'count'"),
        ({"parameters": {"text": "x", "seconds": float("nan")}}, "E105 parameter 'seconds'"),
        ({"parameters": {"text": "x", "names": [2**60]}}, "E105 parameter 'names'"),
    ],
)
def test_what_vertex_ai_would_refuse_is_refused(
    talk: CompiledPipeline, options: dict[str, Any], text: str
) -> None:
    with pytest.raises(UsageError) as caught:
        request(talk, **options)
    assert str(caught.value).startswith(text)


def test_the_root_that_was_compiled_in_is_taken(talk: CompiledPipeline) -> None:
    rooted = CompiledPipeline(
        talk.name, Path("x"), "", {**talk.spec, "defaultPipelineRoot": "gs://mine"}
    )
    made = vertex.pipeline_run(rooted, project="p", location="us-east1", parameters={"text": "x"})
    assert made.pipeline_job["runtimeConfig"]["gcsOutputDirectory"] == "gs://mine"


def test_a_request_is_made_without_googles_libraries() -> None:
    code = (
        "import sys\n"
        "from batchpredict import vertex\n"
        "made = vertex.pipeline_run('train_and_batch_predict', project='p', location='us-east1',\n"
        "    pipeline_root='gs://bucket', parameters={'dataset_uri': 'gs://b/x',\n"
        "    'target_column': 'y'})\n"
        "made.to_json()\n"
        "assert vertex.submit.__module__ == 'batchpredict.vertex.runs'\n"
        "assert 'submit' in dir(vertex)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    with pytest.raises(AttributeError, match="no attribute 'submt'"):
        _ = vertex.submt


def test_the_example_of_the_documentation_makes_a_request() -> None:
    page = (ROOT / "docs" / "reference" / "python.md").read_text()
    [example] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(example.partition("run = ")[0], names)
    assert names["request"].pipeline_job_id == "penguins-2026-03-01"


def test_pages_of_the_console() -> None:
    place = "projects/p/locations/us-east1"
    base = "https://console.cloud.google.com/vertex-ai/locations/us-east1"
    assert run_link(f"{place}/pipelineJobs/r") == f"{base}/pipelines/runs/r?project=p"
    assert schedule_link(f"{place}/schedules/1") == f"{base}/pipelines/schedules/1?project=p"
    predictions = f"{place}/batchPredictionJobs/2"
    assert job_link(predictions) == f"{base}/batch-predictions/2?project=p"
    assert job_link(f"{place}/models/2") == ""
