"""Findings in pipelines that KFP compiled, ours and those of others."""

import json
from pathlib import Path
from typing import Any

import pytest
from google_cloud_pipeline_components.types.artifact_types import VertexModel
from google_cloud_pipeline_components.v1.batch_predict_job import ModelBatchPredictOp
from google_cloud_pipeline_components.v1.endpoint import EndpointCreateOp
from kfp import compiler, dsl

from batchpredict.components.batch_predict import batch_predict
from batchpredict.components.notify import notify
from batchpredict.components.run_batch_prediction_job import run_batch_prediction_job
from batchpredict.linting.findings import Finding, lint
from batchpredict.pipeline_files import compiled_folder, read_pipeline

DIGEST = "python@sha256:" + "0" * 64
MODEL = "projects/my-project/locations/europe-west4/models/1"


@pytest.fixture
def findings(tmp_path: Path):
    def find(pipeline: Any, *, images: bool = False) -> list[str]:
        path = tmp_path / "pipeline.yaml"
        compiler.Compiler().compile(pipeline, str(path))
        found = lint(read_pipeline(str(path)).spec)
        return [
            f"{it.where} {it.code} {it.message}" for it in found if images or it.code != "W152"
        ]

    return find


def model_of() -> Any:
    return dsl.importer(
        artifact_uri="https://x", artifact_class=VertexModel, metadata={"resourceName": MODEL}
    ).output


def test_a_request_of_googles_component_is_checked_as_far_as_it_is_known(findings) -> None:
    @dsl.pipeline(name="theirs")
    def theirs(uris: list, label: str) -> None:
        ModelBatchPredictOp(
            job_display_name='say "no"',
            model=model_of(),
            location="europe-west4",
            gcs_source_uris=uris,
            gcs_destination_output_uri_prefix="gs://bkt/out",
            instances_format="parquet",
            starting_replica_count=2,
            labels={"Team": label},
        ).set_caching_options(False)

    assert [it.split(" ")[:3] for it in findings(theirs)] == [
        ["model-batch-predict", "E130", "instances_format"],
        ["model-batch-predict", "E130", "job_display_name"],
        ["model-batch-predict", "E133", "starting_replica_count"],
    ]


def test_ours_is_checked_through_its_graph(findings) -> None:
    @dsl.pipeline(name="ours")
    def ours(uris: list) -> None:
        batch_predict(
            job_display_name="nightly",
            model=model_of(),
            gcs_source_uris=uris,
            bigquery_source_input_uri="bq://my-project.d.t",
            gcs_destination_output_uri_prefix="gs://bkt/out",
            key_field="id",
            included_fields=["id"],
        )

    said = [it.split(" ")[:3] for it in findings(ours)]
    assert ["batch-predict/check-batch-request", "E132", "included_fields"] in said
    assert ["batch-predict/model-batch-predict", "E132", "instances_format"] in said
    assert "gcs_source_uris" not in str(said)  # which only the run knows


def test_a_right_request_has_no_finding(findings) -> None:
    @dsl.pipeline(name="right")
    def right() -> None:
        run_batch_prediction_job(
            job_display_name="nightly",
            model_name=MODEL,
            location="europe-west4",
            gcs_source_uris=["gs://bkt/in"],
            gcs_destination_output_uri_prefix="gs://bkt/out",
            machine_type="n1-standard-2",
        ).set_caching_options(False)

    assert findings(right) == []


def test_a_model_of_another_region(findings) -> None:
    @dsl.pipeline(name="far")
    def far(name: str) -> None:
        for model in (MODEL, name):
            run_batch_prediction_job(
                job_display_name="nightly",
                model_name=model,
                location="us-east1",
                gcs_source_uris=["gs://bkt/in"],
                gcs_destination_output_uri_prefix="gs://bkt/out",
            ).set_caching_options(False)

    [said] = findings(far)
    assert said.startswith("run-batch-prediction-job E134 model lies in europe-west4, the job in")


def test_steps_that_fall_back_to_us_central1_and_to_the_cache(findings) -> None:
    @dsl.pipeline(name="split-up")
    def split_up(region: str) -> None:
        EndpointCreateOp(display_name="a", location=region)
        EndpointCreateOp(display_name="b").set_caching_options(False)

    @dsl.pipeline(name="together")
    def together() -> None:
        for name in ("a", "b"):
            EndpointCreateOp(display_name=name).set_caching_options(False)

    assert [it.split(" ")[:2] for it in findings(split_up)] == [
        ["endpoint-create", "W151"],
        ["endpoint-create-2", "W150"],
    ]
    assert findings(together) == []


@dsl.component(base_image=DIGEST)
def pinned(password: str = "", connection: str = "") -> None:
    """Do nothing."""


@dsl.component(base_image="python:3.11-slim")
def unpinned(max_tokens: int = 5) -> None:
    """Do nothing."""


def test_images_without_a_digest_are_named_once(findings) -> None:
    @dsl.pipeline(name="images")
    def images() -> None:
        pinned()
        unpinned(max_tokens=7)
        unpinned(max_tokens=8)

    [said] = findings(images, images=True)
    assert said == "unpinned W152 image python:3.11-slim has no digest; pin it by @sha256:…"


def test_secrets_are_found_and_not_repeated(findings) -> None:
    key = "AKIA" + "A" * 16

    @dsl.pipeline(name="secrets")
    def secrets(api_key: str = "x", named: str = "projects/p/secrets/s/versions/1") -> None:
        pinned(password=named, connection=f"user:{key}")
        pinned(password="projects/p/secrets/s", connection=api_key)

    said = findings(secrets)
    assert [it.split(" W153 ")[0] for it in said] == ["parameter api_key", "pinned"]
    assert "an access key of AWS" in said[1]
    assert key not in str(said)


def test_a_secret_may_be_named(findings) -> None:
    @dsl.pipeline(name="named")
    def named(db_password: str = "projects/p/secrets/s/versions/latest") -> None:
        pinned(password=db_password)

    assert findings(named) == []


def test_the_address_of_a_webhook_is_a_secret(findings) -> None:
    def told(webhook: str) -> list[str]:
        @dsl.pipeline(name="told")
        def pipeline(hook: str = webhook) -> None:
            with dsl.ExitHandler(notify(webhook=hook)):
                pinned(password="projects/p/secrets/s", connection="")

        return [it for it in findings(pipeline) if " W153 " in it]

    assert told("projects/p/secrets/hook") == []
    for address in (
        "https://hooks.slack.com/services/T0/B0/very-secret",
        "https://chat.googleapis.com/v1/spaces/A/messages?key=very-secret&token=x",
    ):
        said = told(address)
        assert [it.split(" W153 ")[0] for it in said] == ["notify", "parameter hook"]
        assert all("holds the address of a webhook" in it for it in said)
        assert "very-secret" not in str(said)


def test_what_belongs_to_us_has_no_fault() -> None:
    for path in [*compiled_folder().glob("*.yaml"), *compiled_folder().glob("components/*.yaml")]:
        found = lint(read_pipeline(str(path)).spec)
        assert {it.code for it in found} <= {"W152"}, (path.name, found)


@pytest.mark.parametrize(
    "damage",
    [
        {"components": []},
        {"components": {"comp-a": 7}},
        {"deploymentSpec": {}},
        {"deploymentSpec": {"executors": {"exec-a": {"container": []}}}},
        {"root": {"dag": {"tasks": {"a": None, "b": []}}}},
        {"root": {"dag": {"tasks": {"a": {"componentRef": 3, "inputs": 4}}}}},
    ],
)
def test_a_strange_file_gives_no_finding_and_no_traceback(damage: dict) -> None:
    spec = {
        "root": {"dag": {"tasks": {"a": {"componentRef": {"name": "comp-a"}}}}},
        "components": {"comp-a": {"executorLabel": "exec-a"}},
        "deploymentSpec": {"executors": {"exec-a": {"container": {"image": DIGEST}}}},
        **damage,
    }
    assert lint(json.loads(json.dumps(spec))) == []


def test_faults_come_first() -> None:
    assert Finding("E130", "b", "x").code < Finding("W150", "a", "y").code
