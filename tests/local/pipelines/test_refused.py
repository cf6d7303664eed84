"""What KFP can compile and this machine does not run: refused by its name before any step."""

# mypy: disallow-untyped-decorators=False
# mypy: disable-error-code="no-untyped-def,valid-type,misc,type-arg"

from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import dsl
from kfp.compiler import Compiler

from batchpredict.errors import RunError
from batchpredict.local.pipelines.features import deadline_of
from batchpredict.local.pipelines.placeholders import CONSTANTS, unknown_placeholder
from batchpredict.local.pipelines.spec import load_pipeline
from batchpredict.local.runs import start_run
from batchpredict.local.session import LocalVertex
from batchpredict.pipeline_files import read_pipeline

IMAGE = "python:3.11-slim"


@dsl.component(base_image=IMAGE)
def echo(text: str = "nothing") -> str:
    return text


@dsl.component(base_image=IMAGE)
def look(data: dsl.Input[dsl.Dataset] = None) -> str:
    return repr(data)


@dsl.component(base_image=IMAGE, use_venv=True)
def in_venv() -> str:
    return "x"


@dsl.component(base_image=IMAGE, task_config_passthroughs=[dsl.TaskConfigField.RESOURCES])
def configured(config: dsl.TaskConfig) -> str:
    return repr(config)


WORKSPACE = dsl.PipelineConfig(workspace=dsl.WorkspaceConfig(size="1Gi"))


def own_environment() -> None:
    in_venv()


def task_config() -> None:
    configured().set_cpu_limit("1")


def workspace_path() -> None:
    echo(text=dsl.WORKSPACE_PATH_PLACEHOLDER)


def given_artifact(data: dsl.Input[dsl.Dataset]) -> None:
    look(data=data)


@pytest.mark.parametrize(
    ("function", "config", "text"),
    [
        (own_environment, None, "E340 task 'in-venv' makes a virtual environment .*use_venv"),
        (task_config, None, "E340 task 'configured' uses dsl.TaskConfig"),
        (workspace_path, WORKSPACE, "E340 the pipeline uses workspace of the platform"),
        (given_artifact, None, "E340 the pipeline takes the artifact 'data'.*dsl.importer"),
    ],
)
def test_what_is_not_run_is_refused_by_name_before_any_step(
    vertex: LocalVertex, tmp_path: Path, function: Any, config: Any, text: str
) -> None:
    path = tmp_path / "pipeline.yaml"
    pipeline = dsl.pipeline(name="refused", pipeline_config=config)(function)
    Compiler().compile(pipeline, str(path))
    before = len(list((vertex.home / "runs").iterdir()))
    with pytest.raises(RunError, match=text):
        start_run(vertex, read_pipeline(str(path)), {})
    assert len(list((vertex.home / "runs").iterdir())) == before


@pytest.fixture
def echoing(tmp_path: Path) -> dict[str, Any]:
    """The document of a pipeline with one step."""
    path = tmp_path / "echoing.yaml"

    @dsl.pipeline(name="echoing")
    def pipeline() -> None:
        echo(text="x")

    Compiler().compile(pipeline, str(path))
    return dict(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{$.workspace_path}}/x", "E340 task 'echo' uses the workspace .*dsl.WorkspaceConfig"),
        ("{{$.no_such_thing}}", r"E343 task 'echo': the placeholder {{\$.no_such_thing}} is not"),
    ],
)
def test_placeholders_without_a_meaning_are_refused_before_any_step(
    echoing: dict[str, Any], text: str, message: str
) -> None:
    given = echoing["root"]["dag"]["tasks"]["echo"]["inputs"]["parameters"]["text"]
    given["runtimeValue"]["constant"] = text
    with pytest.raises(ValueError, match=message):
        load_pipeline(echoing)


@pytest.mark.parametrize("kind", ["customJob", "resolver"])
def test_a_step_that_is_no_container_is_refused(echoing: dict[str, Any], kind: str) -> None:
    echoing["deploymentSpec"]["executors"]["exec-echo"] = {kind: {}}
    with pytest.raises(
        ValueError, match=r"E340 task 'echo' is carried out by a (custom_job|resol)"
    ):
        load_pipeline(echoing)


def test_every_constant_that_a_step_has_is_known_beforehand() -> None:
    assert all(unknown_placeholder(f"{{{{${name}}}}}") == "" for name in CONSTANTS)
    assert unknown_placeholder("{{$.inputs.parameters['a'].json_escape[1]}} {{$}}") == ""


def platforms(**config: Any) -> dict[str, Any]:
    return {"kubernetes": {"pipelineConfig": config}}


@pytest.mark.parametrize(
    ("content", "seconds"),
    [
        ({}, None),
        (platforms(), None),
        (platforms(activeDeadlineSeconds=60), 60.0),
        (platforms(activeDeadlineSeconds="7"), 7.0),
        (platforms(activeDeadlineSeconds=0), None),
        ({"kubernetes": ["odd"]}, None),
    ],
)
def test_the_deadline_of_a_pipeline_is_read(content: Any, seconds: float | None) -> None:
    assert deadline_of(content) == seconds


def test_what_changes_nothing_in_a_step_does_not_stop_a_run(
    vertex: LocalVertex, tmp_path: Path
) -> None:
    path = tmp_path / "pipeline.yaml"

    @dsl.pipeline(name="cluster", pipeline_config=dsl.PipelineConfig(ttl_seconds_after_finished=5))
    def pipeline() -> None:
        echo(text="x")

    Compiler().compile(pipeline, str(path))
    compiled = read_pipeline(str(path))
    assert compiled.platforms
    name = start_run(vertex, compiled, {})
    assert vertex.services.pipelines.wait(name, 60)
    assert vertex.services.pipelines.snapshot(name).state.name == "PIPELINE_STATE_SUCCEEDED"
    secret: Any = {"deploymentSpec": {"executors": {"exec-echo": {"secretAsEnv": [{}]}}}}
    path.write_text(
        f"{compiled.text}\n---\n".split("---")[0]
        + "---\n"
        + yaml.safe_dump({"platforms": {"kubernetes": secret}})
    )
    with pytest.raises(RunError, match="E340 the pipeline uses secretAsEnv of the platform"):
        start_run(vertex, read_pipeline(str(path)), {})
