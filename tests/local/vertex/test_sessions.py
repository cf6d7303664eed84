"""What a session leaves in its home folder, and who may use it."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types

from batchpredict.errors import EnvironmentFault
from batchpredict.images import SKLEARN_SERVING
from batchpredict.local.network.rpcs import load_rpcs
from batchpredict.local.runs import PARENT
from batchpredict.local.session import LocalVertex, local_vertex
from batchpredict.local.settings import LocalSettings
from batchpredict.local.vertex.errors import ServiceError
from batchpredict.local.vertex.services import KINDS
from batchpredict.local.vertex.state import Resources

RPCS = {rpc.method: rpc for rpc in load_rpcs().values()}
MODEL = types.Model(display_name="kept", container_spec={"image_uri": SKLEARN_SERVING})


def call(vertex: LocalVertex, method: str, **fields: Any) -> Any:
    rpc = RPCS[method]
    return vertex.services.call(rpc, rpc.request_type(**fields), {})


@contextmanager
def cold(home: Path) -> Iterator[LocalVertex]:
    with local_vertex(home, LocalSettings(warm=False, isolate=False)) as vertex:
        yield vertex


def model_names(vertex: LocalVertex) -> list[str]:
    return [model.display_name for model in call(vertex, "ListModels", parent=PARENT).models]


def test_models_and_endpoints_are_found_by_the_next_session(tmp_path: Path) -> None:
    with cold(tmp_path) as vertex:
        call(vertex, "UploadModel", parent=PARENT, model=MODEL, model_id="m")
        call(vertex, "UploadModel", parent=PARENT, model=MODEL, model_id="with_underscore")
        call(vertex, "UploadModel", parent=PARENT, model=MODEL, model_id="gone")
        call(vertex, "DeleteModel", name=f"{PARENT}/models/gone")
        version = types.Model(MODEL, version_aliases=["default", "new"])
        parent_model = f"{PARENT}/models/m"
        call(vertex, "UploadModel", parent=PARENT, model=version, parent_model=parent_model)
        endpoint = types.Endpoint(display_name="e", labels={"a": "b"})
        call(vertex, "CreateEndpoint", parent=PARENT, endpoint=endpoint, endpoint_id="e")
        before = call(vertex, "GetModel", name=f"{PARENT}/models/m@new")
    with cold(tmp_path) as vertex:
        assert call(vertex, "GetModel", name=f"{PARENT}/models/m@new") == before
        assert before.version_id == "2"
        assert call(vertex, "GetEndpoint", name=f"{PARENT}/endpoints/e").labels == {"a": "b"}
        assert len(model_names(vertex)) == 2


STARTED_AND_LEFT = """
import sys, time
from pathlib import Path
from google.cloud.aiplatform_v1 import types
from batchpredict.local.runs import PARENT
from batchpredict.local.session import local_vertex
from batchpredict.local.settings import LocalSettings

spec = {
    "pipelineInfo": {"name": "sleeper"},
    "schemaVersion": "2.1.0",
    "components": {"comp-sleep": {"executorLabel": "exec-sleep"}},
    "deploymentSpec": {"executors": {"exec-sleep": {"container": {
        "image": "python:3.11-slim", "command": ["sleep", "600"]}}}},
    "root": {"dag": {"tasks": {"sleep": {
        "componentRef": {"name": "comp-sleep"}, "taskInfo": {"name": "sleep"}}}}},
}
with local_vertex(Path(sys.argv[1]), LocalSettings(warm=False, isolate=False)) as vertex:
    job = types.PipelineJob(
        pipeline_spec=spec, runtime_config={"gcs_output_directory": "gs://bkt"}
    )
    request = types.CreatePipelineJobRequest(
        parent=PARENT, pipeline_job=job, pipeline_job_id="left"
    )
    print(vertex.services.pipelines.create_pipeline_job(request).state.name, flush=True)
    time.sleep(600)
"""


def test_a_job_that_a_killed_session_left_running_has_failed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTED_AND_LEFT, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as session:
        assert session.stdout is not None
        assert session.stdout.readline() == "PIPELINE_STATE_RUNNING\n"
        session.kill()
    with cold(tmp_path) as vertex:
        job = call(vertex, "GetPipelineJob", name=f"{PARENT}/pipelineJobs/left")
        assert job.state.name == "PIPELINE_STATE_FAILED"
        assert "the session ended" in job.error.message


def test_two_homes_do_not_see_each_other(tmp_path: Path) -> None:
    with cold(tmp_path / "a") as one, cold(tmp_path / "b") as other:
        call(one, "UploadModel", parent=PARENT, model=MODEL)
        one.store.create_bucket("only-here")
        assert model_names(one) == ["kept"]
        assert model_names(other) == []
        assert not other.store.bucket_exists("only-here")


def test_a_home_is_used_by_one_session_at_a_time(tmp_path: Path) -> None:
    with cold(tmp_path):
        with pytest.raises(EnvironmentFault, match=f"process {os.getpid()};") as caught:
            local_vertex(tmp_path).__enter__()
        assert caught.value.code == "E302"
    with cold(tmp_path):
        pass


def test_a_home_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentFault, match="--home") as caught:
        local_vertex(tmp_path / "file" / "home").__enter__()
    assert caught.value.code == "E301"


def test_nothing_of_a_session_outlives_it_but_its_home(tmp_path: Path) -> None:
    with cold(tmp_path) as vertex:
        authority = Path(vertex.environment["SSL_CERT_FILE"])
        assert authority.is_file()
    assert not authority.parent.exists()


def test_a_damaged_state_file_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "projects/p/locations/us-central1/models"
    folder.mkdir(parents=True)
    (folder / "1@1.json").write_text('{"name": "proj')
    with pytest.raises(EnvironmentFault, match=r"E304 .*1@1\.json is damaged"):
        Resources(tmp_path, KINDS)


def test_a_name_is_taken_once_however_many_ask(tmp_path: Path) -> None:
    resources = Resources(tmp_path, KINDS)
    name = "projects/p/locations/us-central1/endpoints/one"

    def create(number: int) -> bool:
        try:
            resources.create(name, types.Endpoint(name=name, display_name=str(number)))
        except ServiceError:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(create, range(64))) == 1


def test_the_end_of_a_job_is_seen_though_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources = Resources(tmp_path, KINDS)
    name = "projects/p/locations/us-central1/endpoints/one"
    resources.create(name, types.Endpoint(name=name, display_name="before"))

    def no_room(path: Path, text: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", f"{path} {len(text)}")

    def end(endpoint: Any) -> None:
        endpoint.display_name = "after"

    with monkeypatch.context() as full:
        full.setattr("batchpredict.local.vertex.state.write_whole", no_room)
        with pytest.raises(OSError, match="No space"):
            resources.update(name, end)
        assert resources.get(name).display_name == "before"
        fault = resources.conclude(name, end)
    assert fault is not None
    assert fault.errno == errno.ENOSPC
    assert resources.get(name).display_name == "after"
    assert Resources(tmp_path, KINDS).get(name).display_name == "before"
    assert resources.conclude(name, end) is None
    assert Resources(tmp_path, KINDS).get(name).display_name == "after"
