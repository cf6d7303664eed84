"""The defects of Google's ModelBatchPredictOp 2.22, one test each, and what ours does instead.

The first half of each test shows the Op as it is: when Google mends it, the test fails, and what
is ours for it can go. The Op's payload is rendered and its launcher is run; no service is asked.
"""

import inspect
import json
from typing import Any

import pytest
import yaml
from google.api_core.exceptions import ResourceExhausted
from google.cloud.aiplatform_v1 import types
from google_cloud_pipeline_components.v1.batch_predict_job import ModelBatchPredictOp
from googles_launcher import GOOD, NAME, PARENT, Client, EndlessError, Launcher, payload_of
from kfp import compiler, dsl, local
from kfp.dsl import Artifact
from kfp.local import config, docker_task_handler
from runtime.request.protocol import World, calls_of

from batchpredict import compiled, placeholders
from batchpredict.components.batch_predict import batch_predict
from batchpredict.runtime.request.building import request_body
from batchpredict.runtime.request.launching import launcher_inputs, python_spelling
from batchpredict.runtime.request.outcomes import job_outcome, require_success, wait_for_job
from batchpredict.runtime.request.rules import request_findings
from batchpredict.runtime.request.stepping import fill_artifacts
from batchpredict.runtime.request.submitting import submit_job

State = types.JobState


@pytest.fixture
def launcher(tmp_path, monkeypatch) -> Launcher:
    return Launcher(tmp_path, monkeypatch)


def findings(**inputs: Any) -> list[str]:
    """Return what our check says of the inputs, without the texts."""
    values = {
        "model": f"{PARENT}/models/1",
        "instances_format": "jsonl",
        "predictions_format": "jsonl",
        **GOOD,
        **inputs,
    }
    return [" ".join(it.split(" ")[:2]) for it in request_findings(values, "us-central1")]


def ended(state: Any, **fields: Any) -> dict[str, Any]:
    """Return a job as REST gives it."""
    return {"name": NAME, "state": state.name, **fields}


def waited(state: Any) -> dict[str, Any]:
    """Return what our wait makes of a job in this state."""
    calls = {"get": lambda _: ended(state), "now": lambda: 0.0, "sleep": lambda _: None}
    return wait_for_job(calls, NAME, 0, 20)


def test_the_check_passes_what_is_right(launcher) -> None:
    assert findings() == []
    assert launcher.sent().display_name == "nightly"


def test_d1_a_quote_in_the_name_crashes(launcher) -> None:
    with pytest.raises(json.JSONDecodeError):
        launcher.sent(job_display_name='my "daily" job')
    assert findings(job_display_name='my "daily" job') == ["E130 job_display_name"]
    assert request_body({"job_display_name": 'my "daily" job'})["displayName"] == 'my "daily" job'


def test_d2_a_line_end_in_the_name_crashes(launcher) -> None:
    with pytest.raises(json.JSONDecodeError, match="Invalid control character"):
        launcher.sent(job_display_name="two\nlines")
    assert findings(job_display_name="two\nlines") == ["E130 job_display_name"]


def test_d3_a_backslash_becomes_a_tab(launcher) -> None:
    assert launcher.sent(job_display_name="C:\\temp").display_name == "C:\temp"
    assert findings(job_display_name="C:\\temp") == ["E130 job_display_name"]


def test_d4_a_text_can_set_other_fields(launcher) -> None:
    crafted = (
        '"}, "service_account":"evil@x", "disable_container_logging":true, '
        '"encryption_spec":{"kms_key_name":"'
    )
    job = launcher.sent(encryption_spec_key_name=crafted)
    assert (job.service_account, job.disable_container_logging) == ("evil@x", True)
    assert findings(encryption_spec_key_name=crafted) == ["E130 encryption_spec_key_name"]
    body = request_body({"encryption_spec_key_name": crafted})
    assert body == {"encryptionSpec": {"kmsKeyName": crafted}}


def test_d5_the_region_is_us_central1() -> None:
    assert ModelBatchPredictOp.component_spec.inputs["location"].default == "us-central1"
    given = batch_predict.component_spec.inputs["location"].default
    assert given == placeholders.LOCATION


def test_d6_zero_and_false_are_dropped(launcher) -> None:
    given = {"confidenceThreshold": 0.0, "on": False, "maxPredictions": 5}
    assert dict(launcher.sent(model_parameters=given).model_parameters) == {"maxPredictions": 5.0}
    assert request_body({"model_parameters": given})["modelParameters"] == given
    with pytest.raises(ValueError, match=r"^E137 model_parameters\.conf\w+=0\.0 would"):
        launcher_inputs({"model_parameters": given}, "step")


def test_d7_the_reason_of_a_failure_is_lost(launcher) -> None:
    error = {"code": 9, "message": "THE REAL REASON"}
    launcher.client = Client({"state": State.JOB_STATE_FAILED, "error": error})
    with pytest.raises(ValueError, match=r"^Job failed with value error in error state: 5\.$"):
        launcher.sent()
    with pytest.raises(RuntimeError, match=r"^E294 .* FAILED_PRECONDITION: THE REAL REASON"):
        require_success(ended(State.JOB_STATE_FAILED, error=error), -1)


def test_d8_a_job_of_which_all_instances_failed_is_green(launcher) -> None:
    stats = {"failed_count": 1000}
    launcher.client = Client({"state": State.JOB_STATE_SUCCEEDED, "completion_stats": stats})
    launcher.sent()
    job = ended(State.JOB_STATE_SUCCEEDED, completionStats={"failedCount": "1000"})
    with pytest.raises(RuntimeError, match=r"^E295 1000 of 1000 instances failed"):
        require_success(job, -1)


@pytest.mark.parametrize("state", [State.JOB_STATE_EXPIRED, State.JOB_STATE_PARTIALLY_SUCCEEDED])
def test_d9_d10_two_ends_are_waited_for_for_ever(launcher, state) -> None:
    launcher.client = Client({"state": state})
    with pytest.raises(EndlessError):
        launcher.sent()
    assert waited(state)["state"] == state.name


def test_d11_of_two_sources_one_wins_in_silence(launcher) -> None:
    given = {"bigquery_source_input_uri": "bq://p-12345.d.t"}
    source = launcher.sent(**given).input_config
    assert (source.bigquery_source.input_uri, list(source.gcs_source.uris)) == (
        "bq://p-12345.d.t",
        [],
    )
    assert "E131 gcs_source_uris" in findings(**given)


def test_d12_a_job_without_a_source_is_sent(launcher) -> None:
    assert not launcher.sent(gcs_source_uris=[]).input_config.gcs_source.uris
    assert findings(gcs_source_uris=[]) == ["E131 gcs_source_uris"]


def test_d13_a_table_is_said_to_be_json_lines(launcher) -> None:
    given = {"bigquery_source_input_uri": "bq://p-12345.d.t", "gcs_source_uris": []}
    assert launcher.sent(**given).input_config.instances_format == "jsonl"
    assert findings(**given) == ["E132 instances_format"]


def test_d14_formats_and_labels_are_sent_as_they_are(launcher) -> None:
    given = {"instances_format": "parquet", "labels": {"Team": "A B"}}
    job = launcher.sent(**given)
    assert (job.input_config.instances_format, job.labels["Team"]) == ("parquet", "A B")
    assert findings(**given) == ["E130 instances_format", "E130 labels"]


def test_d15_an_accelerator_with_a_slip_is_a_key_error(launcher) -> None:
    given = {"accelerator_type": "NVIDIA_T4", "accelerator_count": 1}
    with pytest.raises(KeyError, match="NVIDIA_T4"):
        launcher.sent(**given)
    assert findings(**given) == ["E130 accelerator_type"]


def test_d16_replicas_are_sent_without_a_machine(launcher) -> None:
    given = {"machine_type": "", "starting_replica_count": 2, "max_replica_count": 2}
    resources = launcher.sent(**given).dedicated_resources
    assert (resources.starting_replica_count, resources.machine_spec.machine_type) == (2, "")
    assert findings(**given) == ["E133 max_replica_count", "E133 starting_replica_count"]


def test_d17_explanation_parameters_as_in_rest_crash(launcher) -> None:
    rest = {"sampledShapleyAttribution": {"pathCount": 5}}
    with pytest.raises(ValueError, match="Unknown field"):
        launcher.sent(explanation_parameters=rest, generate_explanation=True)
    spelled = python_spelling(rest)
    job = launcher.sent(explanation_parameters=spelled, generate_explanation=True)
    assert job.explanation_spec.parameters.sampled_shapley_attribution.path_count == 5


def test_d18_a_whole_number_as_a_double_crashes(launcher) -> None:
    given = {"sampled_shapley_attribution": {"path_count": 10.0}}
    crafted = payload_of(explanation_parameters=given).replace(
        '"path_count": 10}', '"path_count": 10.0}'
    )
    with pytest.raises(TypeError, match="cannot be interpreted as an integer"):
        launcher.run(crafted)
    sent = request_body({"explanation_parameters": given})["explanationSpec"]["parameters"]
    assert json.dumps(sent) == '{"sampled_shapley_attribution": {"path_count": 10}}'


def test_d19_a_full_quota_ends_the_step(launcher, tmp_path) -> None:
    launcher.client.fault = ResourceExhausted("try later")
    with pytest.raises(ResourceExhausted):
        launcher.sent()
    assert len(launcher.client.created) == 1
    world = World(tmp_path / "world.json", seed=1)
    calls = calls_of(world, lambda: None)
    replies: Any = iter([(429, {}, "answered 429"), (503, {}, "answered 503")])
    create = calls["create"]
    calls["create"] = lambda body: next(replies, None) or create(body)
    assert submit_job(calls, {}, "step", 180.0) == "job-0"


def test_d20_a_retry_after_a_failed_job_makes_none(launcher, tmp_path) -> None:
    launcher.client = Client({"state": State.JOB_STATE_FAILED, "error": {"code": 3}})
    for _ in range(2):
        with pytest.raises(ValueError, match="Job failed"):
            launcher.sent()
    assert len(launcher.client.created) == 1
    world = World(tmp_path / "world.json", seed=1)
    submit_job(calls_of(world, lambda: None), {}, "step", 180.0)
    state = world.load()
    state["jobs"][0]["state"] = "JOB_STATE_FAILED"
    world.save(state)
    assert submit_job(calls_of(world, lambda: None), {}, "step", 180.0) == "job-1"


@pytest.fixture
def kfp_local(monkeypatch) -> None:
    monkeypatch.setattr(config.LocalExecutionConfig, "instance", None)
    local.init(local.SubprocessRunner(use_venv=False), raise_on_error=True)


@pytest.mark.usefixtures("kfp_local")
def test_d21_kfp_does_not_know_the_projects_placeholder() -> None:
    """Ours runs it: tests/components/test_batch_predict.py takes project and region of the run."""
    with pytest.raises(IndexError):
        ModelBatchPredictOp(**GOOD)
    assert batch_predict.component_spec.inputs["project"].default == placeholders.PROJECT


@pytest.mark.usefixtures("kfp_local")
@pytest.mark.filterwarnings("ignore:You may be attemping:RuntimeWarning")
def test_d22_kfp_does_not_run_googles_components() -> None:
    """Ours does: tests/components/test_batch_predict.py."""
    with pytest.raises(RuntimeError, match="only supports running Lightweight Python Components"):
        ModelBatchPredictOp(**GOOD, project="p-12345")


def test_d23_kfp_with_docker_leaves_the_images_entry_point_before_the_command() -> None:
    """Read, not run: here is no Docker. Ours needs none."""
    source = inspect.getsource(docker_task_handler.run_docker_container)
    assert "command=" in source
    assert "entrypoint" not in source


def test_d24_a_table_without_a_name_is_an_artifact(launcher) -> None:
    info = {"bigquery_output_dataset": "bq://my-project.d"}
    launcher.client = Client({"state": State.JOB_STATE_SUCCEEDED, "output_info": info})
    written = launcher.run(payload_of())
    [table] = written["bigquery_output_table"]["artifacts"]
    assert (table["metadata"]["tableId"], table["uri"][-8:]) == ("", "/tables/")
    ours = Artifact(uri="gs://root/table")
    job = ended(
        State.JOB_STATE_SUCCEEDED, outputInfo={"bigqueryOutputDataset": "bq://my-project.d"}
    )
    fill_artifacts(job, Artifact(), Artifact(), ours)
    assert (ours.metadata, ours.uri) == ({}, "gs://root/table")
    assert job_outcome(job)["output"] == "bq://my-project.d"


def test_d25_a_projects_number_fails_the_step_after_the_job(launcher) -> None:
    info = {"bigquery_output_dataset": "bq://193595526740.d", "bigquery_output_table": "t"}
    launcher.client = Client({"state": State.JOB_STATE_SUCCEEDED, "output_info": info})
    with pytest.raises(SystemExit) as caught:
        launcher.sent()
    assert caught.value.code == 13
    ours = Artifact()
    told = {"bigqueryOutputDataset": "bq://193595526740.d", "bigqueryOutputTable": "t"}
    fill_artifacts(ended(State.JOB_STATE_SUCCEEDED, outputInfo=told), Artifact(), Artifact(), ours)
    assert ours.metadata == {"projectId": "193595526740", "datasetId": "d", "tableId": "t"}


def test_d26_an_empty_variable_of_a_container_is_dropped(launcher) -> None:
    spec = {"containerSpec": {"imageUri": "img", "env": [{"name": "DEBUG", "value": ""}]}}
    artifact = {"artifacts": [{"metadata": spec, "uri": "gs://b/m"}]}
    launcher.run(payload_of(model=""), {"unmanaged_container_model": artifact})
    [sent] = launcher.client.created
    assert "value" not in str(sent.unmanaged_container_model.container_spec.env[0])
    body = request_body({"unmanaged_container_model": {"artifactUri": "gs://b/m", **spec}})
    assert body["unmanagedContainerModel"]["containerSpec"]["env"][0] == {
        "name": "DEBUG",
        "value": "",
    }


def test_d27_two_descriptions_are_crossed() -> None:
    inputs = described(ModelBatchPredictOp)
    assert inputs["model_parameters"].endswith("The schema of the parameters")
    assert "may be specified via the" in inputs["excluded_fields"]
    ours = described(batch_predict)
    assert "dropped" not in ours["excluded_fields"]
    assert ours["model_parameters"].startswith("Parameters of the prediction.")


def described(component: Any) -> dict[str, str]:
    """Return the descriptions of a component's inputs, as the console shows them."""
    spec = component.pipeline_spec.components
    root = component.pipeline_spec.root
    definitions = root.input_definitions or next(iter(spec.values())).input_definitions
    return {name: it.description.strip() for name, it in definitions.parameters.items()}


def test_d28_results_of_yesterday_are_taken_from_the_cache(tmp_path) -> None:
    @dsl.pipeline(name="plain")
    def plain() -> None:
        ModelBatchPredictOp(**GOOD)

    compiler.Compiler().compile(plain, str(tmp_path / "plain.yaml"))
    theirs = yaml.safe_load((tmp_path / "plain.yaml").read_text())["root"]["dag"]["tasks"]
    assert theirs["model-batch-predict"]["cachingOptions"] == {"enableCache": True}
    path = next(iter(compiled.__path__)) + "/components/batch_predict.yaml"
    with open(path) as file:
        ours = yaml.safe_load(file)["root"]["dag"]["tasks"]
    assert [task.get("cachingOptions") for task in ours.values()] == [{}, {}, {}]
