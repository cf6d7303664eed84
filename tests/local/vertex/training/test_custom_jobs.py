"""Custom jobs run their containers' commands here, to every kind of end."""

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.aiplatform_v1 import types
from local.vertex.training.support import IMAGE, job, pool, put_package, python

from batchpredict.local.runs import PARENT
from batchpredict.local.serving.images import Image, Images
from batchpredict.local.session import LocalVertex
from batchpredict.local.vertex.errors import ServiceError
from batchpredict.local.vertex.operations import Operations
from batchpredict.local.vertex.services import KINDS
from batchpredict.local.vertex.state import Resources
from batchpredict.local.vertex.training.custom_jobs import CustomJobs

State = types.JobState


@pytest.fixture(params=["grpc", "rest"])
def client(request: pytest.FixtureRequest, gapic: Callable[[str, str], Any]) -> Any:
    return gapic("job", request.param)


@pytest.fixture
def jobs(vertex: LocalVertex) -> CustomJobs:
    [found] = vertex.services._further["JobService"][:1]
    assert isinstance(found, CustomJobs)
    return found


@pytest.fixture
def run(gapic: Callable[[str, str], Any], jobs: CustomJobs) -> Callable[..., Any]:
    """Run a job to its end and return it."""

    def run(*pools: Any, **spec: Any) -> Any:
        client = gapic("job", "grpc")
        made = client.create_custom_job(parent=PARENT, custom_job=job(*pools, **spec))
        jobs.wait(made.name, 60.0)
        return client.get_custom_job(name=made.name)

    return run


def log_of(vertex: LocalVertex, done: Any, replica: str = "workerpool0-0") -> str:
    folder = vertex.home / "logs" / "custom-jobs" / done.name.rpartition("/")[2]
    return (folder / f"{replica}.log").read_text()


def test_a_job_runs_and_tells_its_code_where_to_write(
    vertex: LocalVertex, client: Any, jobs: CustomJobs
) -> None:
    code = (
        "import os, pathlib\n"
        "folder = pathlib.Path(os.environ['AIP_MODEL_DIR'].replace('gs://', '/gcs/'))\n"
        "folder.mkdir(parents=True)\n"
        "(folder / 'model.txt').write_text(os.environ['CLOUD_ML_JOB_ID'])\n"
        "for name in ('AIP_CHECKPOINT_DIR', 'AIP_TENSORBOARD_LOG_DIR', 'SAID'):\n"
        "    print(os.environ[name])\n"
    )
    root = f"gs://custom/{type(client.transport).__name__.lower()}"
    worker = python(code, container={"env": [{"name": "SAID", "value": "so"}]})
    wanted = job(worker, base_output_directory={"output_uri_prefix": f"{root}/"})
    made = client.create_custom_job(parent=PARENT, custom_job=wanted)
    assert made.state == State.JOB_STATE_PENDING
    jobs.wait(made.name, 60.0)
    done = client.get_custom_job(name=made.name)
    assert done.state == State.JOB_STATE_SUCCEEDED, done.error.message
    assert done.create_time <= done.start_time <= done.end_time
    assert vertex.store.path(f"{root}/model/model.txt").read_text() == done.name.split("/")[-1]
    assert log_of(vertex, done).splitlines() == [f"{root}/checkpoints/", f"{root}/logs/", "so"]
    assert made.name in [it.name for it in client.list_custom_jobs(parent=PARENT)]
    client.delete_custom_job(name=made.name).result()
    with pytest.raises(exceptions.NotFound):
        client.get_custom_job(name=made.name)


def test_a_failure_says_the_last_lines_of_the_log(run: Callable[..., Any]) -> None:
    done = run(python("print('before'); raise ValueError('no data')"))
    assert done.state == State.JOB_STATE_FAILED
    assert done.error.code == 3
    first, *tail = done.error.message.splitlines()
    assert first.startswith("E354 the replica workerpool0-0 exited with status 1: ValueError: no")
    assert "workerpool0-0.log" in first
    assert tail[0] == "before"


def test_a_job_that_takes_too_long_has_failed(run: Callable[..., Any]) -> None:
    done = run(pool("sleep", "600"), scheduling={"timeout": "0.2s"})
    assert done.state == State.JOB_STATE_FAILED
    assert done.error.code == 4
    assert done.error.message.startswith("E353 the job did not end within 0.2 s")


def test_a_package_is_unpacked_and_its_requirements_are_checked(
    vertex: LocalVertex, run: Callable[..., Any]
) -> None:
    setup, task = "", "import sys, trainer; print(trainer.NAME, *sys.argv[1:])"
    files = {"setup.py": setup, "trainer/__init__.py": "NAME = 'me'", "trainer/task.py": task}
    put_package(vertex, "gs://packages/good.tar.gz", files)
    needs = "Name: trainer\nRequires-Dist: numpy\nRequires-Dist: no-such-package-here\n"
    put_package(vertex, "gs://packages/needs.tar.gz", {**files, "PKG-INFO": needs})

    def spec(name: str) -> dict[str, Any]:
        return {
            "python_package_spec": {
                "executor_image_uri": IMAGE,
                "package_uris": [f"gs://packages/{name}.tar.gz"],
                "python_module": "trainer.task",
                "args": ["--epochs", "2"],
            }
        }

    good, needing, missing = run(spec("good")), run(spec("needs")), run(spec("none"))
    assert good.state == State.JOB_STATE_SUCCEEDED, good.error.message
    assert log_of(vertex, good) == "me --epochs 2\n"
    assert needing.state == State.JOB_STATE_FAILED
    assert "no-such-package-here" in needing.error.message
    assert "E352 the package gs://packages/none.tar.gz" in missing.error.message


def test_the_first_replica_ends_the_job_and_the_others_are_stopped(
    vertex: LocalVertex, run: Callable[..., Any]
) -> None:
    """The first asks the second over the network that CLUSTER_SPEC names."""
    ask = (
        "import json, os, socket, time\n"
        "address = json.loads(os.environ['CLUSTER_SPEC'])['cluster']['workerpool1'][0]\n"
        "host, port = address.split(':')\n"
        "for _ in range(600):\n"
        "    try:\n"
        "        print(socket.create_connection((host, int(port))).recv(9).decode())\n"
        "        break\n"
        "    except ConnectionRefusedError:\n"
        "        time.sleep(0.05)\n"
    )
    serve = (
        "import json, os, socket\n"
        "spec = json.loads(os.environ['CLUSTER_SPEC'])\n"
        "port = spec['cluster']['workerpool1'][spec['task']['index']].split(':')[1]\n"
        "server = socket.create_server(('127.0.0.1', int(port)))\n"
        "while True:\n"
        "    server.accept()[0].sendall(b'hello')\n"
    )
    before = set(vertex.sandbox._processes)
    done = run(python(ask), python(serve))
    assert done.state == State.JOB_STATE_SUCCEEDED, done.error.message
    assert log_of(vertex, done) == "hello\n"
    started = set(vertex.sandbox._processes) - before
    assert [process.poll() for process in started if process.poll() != 0] == [-15]


def test_an_image_may_have_an_interpreter_and_variables_of_its_own(
    vertex: LocalVertex, jobs: CustomJobs, tmp_path: Path
) -> None:
    python_of = tmp_path / "bin" / "python"
    python_of.parent.mkdir()
    python_of.symlink_to(sys.executable)
    image = Image(
        "own", python=python_of, directory=tmp_path, environment={"SAID": "by the image"}
    )
    mine = CustomJobs(vertex.services.resources, Operations(), jobs._places, Images((image,)))
    code = "import os, sys; print(sys.executable, os.getcwd(), os.environ['SAID'])"
    wanted = types.CustomJob(job(python(code, container={"image_uri": "own"})))
    made = mine.start(PARENT, wanted)
    mine.wait(made.name, 60.0)
    done = vertex.services.resources.get(made.name)
    assert done.state == State.JOB_STATE_SUCCEEDED, done.error.message
    assert log_of(vertex, done) == f"{python_of} {tmp_path} by the image\n"


def test_a_job_that_waits_can_be_cancelled(
    vertex: LocalVertex, jobs: CustomJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_slots", threading.Semaphore(0))
    made = jobs.start(PARENT, types.CustomJob(job(pool("true"))))
    jobs.cancel_custom_job(types.CancelCustomJobRequest(name=made.name))
    jobs.wait(made.name, 60.0)
    done = vertex.services.resources.get(made.name)
    assert (done.state, done.start_time) == (State.JOB_STATE_CANCELLED, None)


def test_a_replica_that_fails_fails_the_job(run: Callable[..., Any]) -> None:
    done = run(pool("sleep", "600"), pool("sh", "-c", "echo sorry; exit 7"))
    assert done.state == State.JOB_STATE_FAILED
    assert "E354 the replica workerpool1-0 exited with status 7: sorry" in done.error.message


def test_a_cancelled_job_stops(client: Any, jobs: CustomJobs) -> None:
    made = client.create_custom_job(parent=PARENT, custom_job=job(pool("sleep", "600")))
    with pytest.raises(exceptions.BadRequest, match="cancel it first"):
        client.delete_custom_job(name=made.name)
    client.cancel_custom_job(name=made.name)
    jobs.wait(made.name, 60.0)
    done = client.get_custom_job(name=made.name)
    assert (done.state, done.error.code) == (State.JOB_STATE_CANCELLED, 1)
    with pytest.raises(exceptions.BadRequest, match="cannot be cancelled"):
        client.cancel_custom_job(name=made.name)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (job(), "first worker pool"),
        ({**job(pool("true")), "display_name": ""}, "display_name"),
        ({**job(pool("true")), "labels": {"UPPER": "x"}}, "label"),
        (
            job(pool("true"), base_output_directory={"output_uri_prefix": "gs://B!d/x"}),
            "base_output_directory",
        ),
    ],
)
def test_a_wrong_job_is_refused(client: Any, wanted: dict[str, Any], words: str) -> None:
    with pytest.raises(exceptions.BadRequest, match=words):
        client.create_custom_job(parent=PARENT, custom_job=wanted)


def test_jobs_of_a_killed_session_have_ended(jobs: CustomJobs, tmp_path: Path) -> None:
    resources = Resources(tmp_path, KINDS)
    states = {
        "1": (State.JOB_STATE_PENDING, State.JOB_STATE_FAILED),
        "2": (State.JOB_STATE_RUNNING, State.JOB_STATE_FAILED),
        "3": (State.JOB_STATE_CANCELLING, State.JOB_STATE_CANCELLED),
        "4": (State.JOB_STATE_SUCCEEDED, State.JOB_STATE_SUCCEEDED),
    }
    for key, (before, _) in states.items():
        name = f"{PARENT}/customJobs/{key}"
        resources.put(name, types.CustomJob(name=name, state=before))
    again = Resources(tmp_path, KINDS)
    CustomJobs(again, Operations(), jobs._places, jobs._images)
    for key, (_, after) in states.items():
        assert again.get(f"{PARENT}/customJobs/{key}").state == after
    assert again.ended["customJobs"] == 3


def test_a_job_cannot_be_cancelled_twice(jobs: CustomJobs) -> None:
    request = types.CancelCustomJobRequest(name=f"{PARENT}/customJobs/none")
    with pytest.raises(ServiceError, match="not found"):
        jobs.cancel_custom_job(request)
