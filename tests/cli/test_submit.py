"""`submit` through the real client over gRPC: what is sent, once, and what a person is told."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format
from verbs import LOCAL, Verbs

from batchpredict.local.runs import PARENT
from batchpredict.local.session import LocalVertex

CREATE = "PipelineService.CreatePipelineJob"
GET = "PipelineService.GetPipelineJob"


def pb(job: Any) -> Any:
    return type(job).pb(job)


def test_a_run_is_started_watched_and_found_again(verb: Verbs, talk: str) -> None:
    done = verb("submit", talk, "-p", "text=a=b", "--wait", "--run-id", "watched", env=LOCAL)
    assert done.code == 0, done.stderr
    page = (
        "https://console.cloud.google.com/vertex-ai/locations/us-central1/pipelines/runs/watched"
    )
    lines = done.stdout.splitlines()
    assert lines == [f"{page}?project=local-project", f"run: {PARENT}/pipelineJobs/watched"]
    shown = [line.split()[0::3] for line in done.stderr.splitlines()]
    assert shown[:2] == [["OK", "first"], ["OK", "second"]]
    again = verb("status", "watched", "--output", "json", env=LOCAL)
    assert again.code == 0
    assert again.json["state"] == "SUCCEEDED"
    assert again.json["parameters"] == {"text": "a=b"}
    assert [step["name"] for step in again.json["steps"]] == ["first", "second"]


def test_what_arrives_is_what_the_dry_run_prints(
    verb: Verbs, vertex: LocalVertex, talk: str
) -> None:
    arguments = (
        *("submit", talk, "-p", "text=x", "-p", "count=3", "-p", 'names=["ä", "="]'),
        *("--run-id", "printed", "--label", "team=churn", "--no-cache"),
        *("--service-account", "runner@p.iam.gserviceaccount.com"),
    )
    printed = verb(*arguments, "--dry-run", env=LOCAL)
    assert printed.code == 0, printed.stderr
    assert not printed.stderr
    wanted = json_format.ParseDict(printed.json["pipelineJob"], pb(types.PipelineJob()))
    sent = verb(*arguments, env=LOCAL)
    assert sent.code == 0, sent.stderr
    assert printed.json["parent"] == PARENT
    job = pb(vertex.services.pipelines.snapshot(f"{PARENT}/pipelineJobs/printed"))
    for name in [field.name for field, _ in wanted.ListFields()]:
        assert getattr(job, name) == getattr(wanted, name), name
    assert dict(job.labels)["team"] == "churn"
    tasks = json_format.MessageToDict(job.pipeline_spec)["root"]["dag"]["tasks"]
    assert [task["cachingOptions"] for task in tasks.values()] == [{"enableCache": False}] * 2


def test_a_dry_run_needs_neither_credentials_nor_googles_client(talk: str) -> None:
    """The services are out of reach, and the client is a module that cannot be imported."""
    code = (
        "import sys; sys.argv[0] = 'batchpredict'\n"
        "for name in ('google.cloud.aiplatform', 'google.cloud.aiplatform_v1', 'grpc'):\n"
        "    sys.modules[name] = None\n"
        "from batchpredict.cli import main; main()"
    )
    arguments = ("submit", talk, "-p", "text=x", "--dry-run")
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**LOCAL, "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["parent"] == PARENT


def test_the_same_id_again_starts_nothing(verb: Verbs, talk: str) -> None:
    arguments = ("submit", talk, "-p", "text=x", "--run-id", "twice")
    assert verb(*arguments, env=LOCAL).code == 0
    again = verb(*arguments, "--output", "json", env=LOCAL)
    assert (again.code, again.json["created"]) == (0, False)
    assert "the run twice is there already" in again.stderr
    other = verb(*arguments, "-p", "count=2", env=LOCAL)
    assert other.code == 1
    assert other.stderr.startswith("Error: E408 there is a run twice already")
    assert "parameter_values differ" in other.stderr


def test_a_run_whose_answer_was_lost_is_started_once(
    verb: Verbs, vertex: LocalVertex, talk: str
) -> None:
    with vertex.faults.plan(CREATE, "lost-reply"), vertex.faults.calls(CREATE) as calls:
        done = verb("submit", talk, "-p", "text=x", "--run-id", "lost", env=LOCAL)
    assert done.code == 0, done.stderr
    assert calls.seen == 1
    assert verb("status", "lost", env=LOCAL).code == 0


def test_a_run_that_takes_too_long_is_cancelled(verb: Verbs, talk: str) -> None:
    done = verb(
        *("submit", talk, "-p", "text=x", "-p", "seconds=100"),
        *("--wait", "--timeout", "1s", "--run-id", "late"),
        env=LOCAL,
    )
    assert done.code == 4
    assert "Error: E453 the run was cancelled: it took longer than 1 s" in done.stderr
    assert verb("status", "late", "--output", "json", env=LOCAL).json["state"] == "CANCELLED"


def test_a_failed_run_ends_the_wait_with_its_reason(verb: Verbs, talk: str) -> None:
    done = verb(
        *("submit", talk, "-p", "text=x", "-p", "fail=true", "--wait", "--run-id", "failed"),
        env=LOCAL,
    )
    assert done.code == 1
    assert "x was told to fail" in done.stderr.splitlines()[-1]
    assert done.stderr.splitlines()[-1].startswith("Error: E451 the run failed ended as FAILED")
    again = verb("status", "failed", env=LOCAL)
    assert again.code == 1
    assert "FAIL" in again.stdout


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        ("PERMISSION_DENIED", 3, "E402"),
        ("RESOURCE_EXHAUSTED", 1, "E404"),
        ("UNAVAILABLE", 3, "E405"),
        ("INVALID_ARGUMENT", 1, "E406"),
        ("UNAUTHENTICATED", 3, "E401"),
        ("UNIMPLEMENTED", 3, "E405"),
        ("ABORTED", 1, "E407"),
    ],
)
def test_what_the_service_says_is_one_line(
    verb: Verbs, vertex: LocalVertex, talk: str, status: str, code: int, text: str
) -> None:
    message = "Permission 'aiplatform.pipelineJobs.create' denied"
    with vertex.faults.plan(CREATE, "status", status=status, message=message):
        done = verb("submit", talk, "-p", "text=x", env=LOCAL)
    assert done.code == code, done.stderr
    assert done.stderr.startswith(f"Error: {text} starting the run talk-")
    assert len(done.stderr.splitlines()) == 1
    assert message in done.stderr
    assert not done.stdout


def test_a_read_is_tried_again(verb: Verbs, vertex: LocalVertex, talk: str) -> None:
    assert verb("submit", talk, "-p", "text=x", "--run-id", "read", env=LOCAL).code == 0
    with vertex.faults.plan(GET, "status", [1, 2], status="UNAVAILABLE") as plan:
        assert verb("status", "read", env=LOCAL).code == 0
    assert plan.seen == 3


def test_a_read_that_is_denied_says_who_lacks_what(verb: Verbs, vertex: LocalVertex) -> None:
    message = "Permission 'aiplatform.pipelineJobs.get' denied on resource"
    with vertex.faults.plan(GET, "status", status="PERMISSION_DENIED", message=message):
        done = verb("status", "any", env=LOCAL)
    assert done.code == 3
    assert "lacks aiplatform.pipelineJobs.get" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_credentials_one_line_says_how_to_log_in(verb: Verbs, talk: str) -> None:
    gone = {"GCE_METADATA_HOST": "127.0.0.1:1", "GCE_METADATA_IP": "127.0.0.1:1"}
    lost = {**gone, "GCE_METADATA_ROOT": "127.0.0.1:1", "NO_GCE_CHECK": "true"}
    process = verb.spawn("submit", talk, "-p", "text=x", env={**LOCAL, **lost})
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (3, "")
    assert err.startswith("Error: E401 ")
    assert "gcloud auth application-default login" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (
            ("-p", "text=x", "-p", "cuont=1"),
            2,
            "E104 talk: there is no parameter 'cuont'; did you",
        ),
        (("-p", "text=x", "-p", "count=many"), 2, "E105 parameter 'count' takes a whole number"),
        ((), 2, "E106 talk needs text"),
        (("-p", "text=x", "--run-id", "Big"), 2, "E400 run_id is 'Big'"),
        (("-p", "text=x", "--label", "Team=x"), 2, "E400 label Team=x"),
        (("-p", "text=x", "--location", "moon"), 2, "E410 flag --location: takes a region"),
        (("-p", "text=x", "--pipeline-root", "/tmp"), 2, "E410 flag --pipeline-root"),
        (("-p", "text=x", "--timeout", "3s"), 2, "E109 --timeout needs --wait"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_sent(
    verb: Verbs,
    vertex: LocalVertex,
    talk: str,
    arguments: tuple[str, ...],
    code: int,
    text: str,
) -> None:
    with vertex.faults.calls(CREATE) as calls:
        done = verb("submit", talk, *arguments, env=LOCAL)
    assert done.code == code
    assert done.stderr.startswith(f"Error: {text}"), done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert calls.seen == 0


def test_a_file_of_this_machine_is_refused(verb: Verbs, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")
    done = verb(
        *("submit", "train_and_batch_predict", "-p", "dataset_uri=data.csv"),
        *("-p", "target_column=b", "--dry-run"),
        cwd=tmp_path,
        env=LOCAL,
    )
    assert done.code == 2
    assert done.stderr.startswith("Error: E450 parameter 'dataset_uri' is 'data.csv'")
    assert "gcloud storage cp data.csv gs://" in done.stderr


def test_debug_shows_where_but_no_values(verb: Verbs, vertex: LocalVertex, talk: str) -> None:
    arguments = ("submit", talk, "-p", "text=hush-hush")
    with vertex.faults.plan(CREATE, "status", [1, 2], status="PERMISSION_DENIED"):
        done = verb("--debug", *arguments, env=LOCAL)
        plain = verb(*arguments, env=LOCAL)
    assert done.code == plain.code == 3
    assert done.stderr.startswith("Traceback (most recent call last)")
    assert "in submit_once" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("Error: E402 ")
    assert "hush-hush" not in done.stderr
    assert "Traceback" not in plain.stderr


def test_a_wait_that_is_interrupted_leaves_the_run_alone(verb: Verbs, talk: str) -> None:
    arguments = ("submit", talk, "-p", "text=x", "-p", "seconds=100", "--run-id", "left", "--wait")
    process = verb.spawn(*arguments, env=LOCAL)
    assert process.stdout is not None
    assert [process.stdout.readline()[:5] for _ in range(2)] == ["https", "run: "]
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the run goes on" in err
    assert "Traceback" not in err
    assert verb("status", "left", "--output", "json", env=LOCAL).json["state"] == "RUNNING"
    assert verb("cancel", "left", env=LOCAL).code == 0


def test_a_fault_of_our_own_is_one_line_as_well() -> None:
    code = (
        "import batchpredict.cli as cli\n"
        "cli.VERBS['submit'] = 'batchpredict.cli.nowhere'\n"
        "cli.main()"
    )
    for arguments, lines in ((["submit"], 1), (["--debug", "submit"], 10)):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith(
            "Error: E456 a fault of batchpredict: ModuleNotFoundError: No module named"
        )
        assert len(done.stderr.splitlines()) >= lines
        assert ("Traceback" in done.stderr) == (lines > 1)
