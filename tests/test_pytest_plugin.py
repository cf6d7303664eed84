"""The pytest plugin in the project of a user: what passes, what fails and how it says so."""

import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from helpers import ROOT

GUIDE = ROOT / "docs" / "testing.md"
PLUGIN = "batchpredict.local.pytest_plugin"
HEAVY = (
    "kfp",
    "google.auth",
    "google.protobuf",
    "grpc",
    "cryptography",
    "yaml",
    "click",
    "batchpredict.local.session",
)
CONFTEST = """
import pytest
from batchpredict.local.settings import LocalSettings

@pytest.fixture(scope="session")
def local_vertex_settings():
    return LocalSettings(warm=False, isolate=False, caching=False)
"""
PASSING = """
import os
from pathlib import Path
from google.cloud import aiplatform_v1, storage
from kfp import dsl

PARENT = "projects/local-project/locations/us-central1"

@dsl.component(base_image="python:3.11-slim")
def write(text: str, written: dsl.Output[dsl.Dataset]):
    with open(written.path, "w") as file:
        file.write(text)

@dsl.component(base_image="python:3.11-slim")
def count(taken: dsl.Input[dsl.Dataset]) -> int:
    print("counting")
    with open(taken.path) as file:
        return len(file.read())

@dsl.pipeline(name="two-steps")
def two_steps(text: str):
    count(taken=write(text=text).outputs["written"])

def test_a_pipeline(local_vertex):
    run = local_vertex.run(two_steps, text="twelve chars").check()
    assert run.state == "SUCCEEDED"
    assert run.states == {"write": "SUCCEEDED", "count": "SUCCEEDED"}
    assert run.outputs["write"]["written"].path.read_text() == "twelve chars"
    assert run.parameters["count"] == {"Output": 12}
    assert "counting" in run.log("count")
    assert run.log("none") == ""
    assert (run.folder / "run.json").is_file()

def test_googles_clients_in_this_process(local_vertex):
    name = local_vertex.new_bucket()
    client = storage.Client()
    client.bucket(name).blob("a/b").upload_from_string("here")
    assert local_vertex.path(f"gs://{name}/a/b").read_text() == "here"
    host = {"api_endpoint": "us-central1-aiplatform.googleapis.com"}
    for transport in ("grpc", "rest"):
        models = aiplatform_v1.ModelServiceClient(transport=transport, client_options=host)
        assert list(models.list_models(parent=PARENT)) == []

def test_a_planned_fault(local_vertex):
    with local_vertex.faults.plan("storage.buckets.list", "status") as plan:
        assert list(storage.Client().list_buckets())
    assert plan.hits == 1

def test_the_environment_is_put_back():
    assert os.environ["HTTPS_PROXY"] == "mine"
    assert os.environ["STORAGE_EMULATOR_HOST"] == "http://mine"
"""
FAILING = """
import pytest
from pathlib import Path
from test_passing import two_steps

def test_a_bad_yaml(local_vertex, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("root: {}")
    local_vertex.run(path)

def test_an_unknown_parameter(local_vertex):
    local_vertex.run(two_steps, texts="a")

def test_a_run_that_takes_long(local_vertex):
    local_vertex.timeout = 0.0
    local_vertex.run(two_steps, text="x").check()

def test_a_fault_that_never_came(local_vertex):
    local_vertex.faults.plan("JobService.CreateBatchPredictionJob", "lost-reply")
"""


@dataclass(frozen=True)
class Session:
    home: Path
    said: str
    code: int


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Pytest in a project of a user, who has not configured anything else."""
    project = tmp_path_factory.mktemp("project")
    home = tmp_path_factory.mktemp("homes") / "kept"
    [example, *_] = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    files = {"conftest": CONFTEST, "test_passing": PASSING, "test_zfailing": FAILING}
    for name, text in {**files, "test_example": example}.items():
        (project / f"{name}.py").write_text(text)
    options = ["-p", PLUGIN, "-v", "--tb=short", "--local-vertex-home", str(home)]
    environment = {
        **{name: value for name, value in os.environ.items() if "PYTEST" not in name},
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # it may be installed by its name as well
        "HTTPS_PROXY": "mine",
        "STORAGE_EMULATOR_HOST": "http://mine",
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return Session(home, done.stdout + done.stderr, done.returncode)


@pytest.mark.parametrize(
    "name",
    [
        "a_pipeline",
        "googles_clients_in_this_process",
        "a_planned_fault",
        "the_environment_is_put_back",
    ],
)
def test_what_a_user_writes_passes(session: Session, name: str) -> None:
    assert f"test_passing.py::test_{name} PASSED" in session.said, session.said


def test_the_example_of_the_guide_passes(session: Session) -> None:
    assert "test_example.py::test_lines_are_counted PASSED" in session.said, session.said


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a_bad_yaml", "E102 "),
        ("an_unknown_parameter", "E104 two-steps: there is no parameter 'texts'; did you mean"),
        ("a_run_that_takes_long", "the run was cancelled: it took longer than 0 s"),
    ],
)
def test_what_fails_says_why(session: Session, name: str, said: str) -> None:
    assert f"test_zfailing.py::test_{name} FAILED" in session.said, session.said
    report = session.said.partition(f" test_{name} ")[2].partition("\n____")[0]
    assert said in report


def test_a_fault_that_was_not_hit_fails_its_test_by_name(session: Session) -> None:
    assert "test_zfailing.py::test_a_fault_that_never_came ERROR" in session.said
    expected = "E380 the fault lost-reply was planned for calls [1] of JobService.CreateBatch"
    assert expected in session.said
    assert session.code == 1


def test_the_home_is_kept_where_it_was_asked_for(session: Session) -> None:
    assert any((session.home / "runs").iterdir())


def test_the_plugin_loads_nothing_that_takes_time() -> None:
    """Every pytest session of an environment with this package loads it."""
    code = f"import sys, {PLUGIN}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_plugin_is_found_by_its_entry_point() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"batchpredict": PLUGIN}
