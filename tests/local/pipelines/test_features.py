"""Features of KFP that the other tests leave out: they run as its documentation says."""

# mypy: disallow-untyped-decorators=False
# mypy: disable-error-code="no-untyped-def,valid-type,misc,type-arg"

import collections
from collections.abc import Callable
from typing import Any, NamedTuple, Optional

import pytest
from kfp import dsl

from batchpredict.local.session import LocalVertex
from batchpredict.local.vertex.pipeline_contexts import spec_of

IMAGE = "python:3.11-slim"
Run = Callable[..., Any]


@dsl.component(base_image=IMAGE)
def echo(text: str = "nothing") -> str:
    return text


@dsl.component(base_image=IMAGE)
def read_env(name: str) -> str:
    import os

    return os.environ.get(name, "none")


@dsl.component(base_image=IMAGE)
def optional(
    text: Optional[str] = None,  # noqa: UP045 - KFP reads it
    number: Optional[int] = None,  # noqa: UP045
    flag: bool = True,
    items: list = [1, {"a": 1.5}],  # noqa: B006
    data: dsl.Input[dsl.Dataset] = None,
) -> str:
    return repr((text, number, flag, items, data))


@dsl.component(base_image=IMAGE)
def write(text: str, data: dsl.Output[dsl.Dataset]) -> str:
    with open(data.path, "w") as file:
        file.write(text)
    data.metadata["text"] = text
    return text


@dsl.component(base_image=IMAGE)
def join(texts: list, data: dsl.Input[list[dsl.Dataset]]) -> str:
    from pathlib import Path

    read = [Path(it.path).read_text() + it.metadata["text"] for it in data]
    return ",".join([*texts, *read])


@dsl.container_component
def tell(made: dsl.OutputPath(str), first: str, second: Optional[str] = None):  # noqa: UP045
    return dsl.ContainerSpec(
        image=IMAGE,
        command=["sh", "-c", 'printf "%s\\n" "$@" > "$0"'],
        args=[
            made,
            dsl.ConcatPlaceholder(["--first=", first, "!"]),
            dsl.IfPresentPlaceholder(
                input_name="second", then=["--second", second], else_=["--alone"]
            ),
            dsl.PIPELINE_JOB_NAME_PLACEHOLDER,
            dsl.PIPELINE_JOB_ID_PLACEHOLDER,
            dsl.PIPELINE_JOB_RESOURCE_NAME_PLACEHOLDER,
            dsl.PIPELINE_TASK_NAME_PLACEHOLDER,
            dsl.PIPELINE_ROOT_PLACEHOLDER,
        ],
    )


@pytest.fixture
def outputs(run_pipeline: Run, vertex: LocalVertex) -> Run:
    """Run a pipeline; return the job and what each step gave as its parameters."""

    def outputs(pipeline: Any, **parameters: Any) -> tuple[Any, dict[str, Any]]:
        job = run_pipeline(pipeline, **parameters)
        assert job.state.name == "PIPELINE_STATE_SUCCEEDED", job.error.message
        names = [it.task_name for it in job.job_detail.task_details]
        found = {it: vertex.services.pipelines.output_parameters(job.name, it) for it in names}
        return job, {name: next(iter(gave.values())) for name, gave in found.items() if gave}

    return outputs


def test_what_is_optional_may_be_left_out_at_every_level(outputs: Run) -> None:
    @dsl.pipeline(name="optional-inputs")
    def pipeline(
        text: Optional[str] = None,  # noqa: UP045
        data: Optional[dsl.Input[dsl.Dataset]] = None,  # noqa: UP045
    ) -> None:
        optional().set_display_name("bare")
        optional(text=text, data=data).set_display_name("passed-on")
        optional(text="x", number=1).set_display_name("given")

    _, found = outputs(pipeline)
    nothing = "(None, None, True, [1, {'a': 1.5}], None)"
    assert found["bare"] == found["passed-on"] == nothing
    assert found["given"] == "('x', 1, True, [1, {'a': 1.5}], None)"


def test_placeholders_in_containers_and_in_arguments(outputs: Run) -> None:
    @dsl.pipeline(name="placeholders")
    def pipeline() -> None:
        tell(first="1").set_display_name("alone")
        tell(first="2", second="3").set_display_name("both")
        name, task = dsl.PIPELINE_JOB_NAME_PLACEHOLDER, dsl.PIPELINE_TASK_NAME_PLACEHOLDER
        echo(text=f"{name} {task}")

    job, found = outputs(pipeline)
    run = job.name.rpartition("/")[2]
    rest = [run, run, job.name]
    alone, both = found["alone"].splitlines(), found["both"].splitlines()
    assert alone == ["--first=1!", "--alone", *rest, "alone", "gs://local-pipelines"]
    assert both == ["--first=2!", "--second", "3", *rest, "both", "gs://local-pipelines"]
    assert found["echo"] == f"{run} echo"


def test_settings_of_a_task_that_only_google_acts_on_are_kept(outputs: Run) -> None:
    @dsl.pipeline(name="settings")
    def pipeline(cpu: str = "2") -> None:
        first = read_env(name="OURS").set_env_variable("OURS", "set")
        first.set_cpu_limit("2").set_memory_limit("4G").set_cpu_request("1")
        first.set_accelerator_type("NVIDIA_TESLA_T4").set_accelerator_limit(1)
        second = read_env(name="OURS").set_cpu_limit(cpu).set_container_image("python:3.12")
        second.add_node_selector_constraint("NVIDIA_TESLA_K80").after(first)

    _, found = outputs(pipeline)
    assert found == {"read-env": "set", "read-env-2": "none"}


@dsl.pipeline
def choose(number: int) -> NamedTuple("Chosen", [("text", str), ("data", dsl.Dataset)]):
    with dsl.If(number == 0):
        zero = write(text="zero")
    with dsl.Elif(number == 1):
        one = write(text="one")
    with dsl.Else():
        more = write(text="more")
    chosen = collections.namedtuple("chosen", ["text", "data"])
    return chosen(
        dsl.OneOf(zero.outputs["Output"], one.outputs["Output"], more.outputs["Output"]),
        dsl.OneOf(zero.outputs["data"], one.outputs["data"], more.outputs["data"]),
    )


def test_branches_in_pipelines_in_loops_are_collected(outputs: Run) -> None:
    @dsl.pipeline(name="branches-in-loops")
    def pipeline() -> str:
        with dsl.ParallelFor([0, 1, 2], parallelism=2) as number:
            made = choose(number=number)
        texts, data = made.outputs["text"], made.outputs["data"]
        return join(texts=dsl.Collected(texts), data=dsl.Collected(data)).output

    _, found = outputs(pipeline)
    assert found["join"] == "zero,one,more,zerozero,oneone,moremore"


@dsl.component(base_image=IMAGE)
def count(number: int) -> list:
    return list(range(number))


def test_a_loop_waits_for_its_list_though_nobody_looks_at_the_items(outputs: Run) -> None:
    """KFP then leaves the step that gives the list out of the dependencies."""

    @dsl.pipeline(name="unread-items")
    def pipeline() -> None:
        with dsl.ParallelFor(count(number=2).output):
            echo(text="x")

    job, found = outputs(pipeline)
    assert "dependentTasks" not in str(spec_of(job)["root"]["dag"]["tasks"]["for-loop-1"])
    assert found == {"count": [0, 1], "for-loop-1-0/echo": "x", "for-loop-1-1/echo": "x"}


@dsl.component(base_image=IMAGE)
def several() -> NamedTuple("Several", [("flag", bool), ("table", dict), ("number", int)]):
    return (False, {"a": [1]}, 3)


def test_a_text_made_of_one_value_alone_is_a_text(outputs: Run) -> None:
    @dsl.pipeline(name="texts")
    def pipeline() -> None:
        made = several().outputs
        echo(text=f"{made['flag']}").set_display_name("flag")
        echo(text=f"{made['table']}").set_display_name("table")
        echo(text=f"{made['number']}").set_display_name("number")

    _, found = outputs(pipeline)
    del found["several"]
    assert found == {"flag": "false", "table": '{"a": [1]}', "number": "3"}


def test_the_metadata_of_an_importer_may_be_named_by_a_parameter(run_pipeline: Run) -> None:
    @dsl.pipeline(name="importing")
    def pipeline(uri: str) -> None:
        metadata = {"from": uri, uri: "key", "deep": {"list": [1, "x"]}}
        dsl.importer(
            artifact_uri=uri, artifact_class=dsl.Dataset, reimport=True, metadata=metadata
        )

    job = run_pipeline(pipeline, uri="gs://bkt/x")
    [imported] = [it for it in job.job_detail.task_details if it.task_name == "importer"]
    metadata = imported.outputs["artifact"].artifacts[0].metadata
    assert metadata["from"] == "gs://bkt/x"
    assert metadata["gs://bkt/x"] == "key"
    assert metadata["deep"]["list"][1] == "x"


def test_a_cache_key_of_ones_own_takes_the_place_of_ours(
    run_pipeline: Run, vertex: LocalVertex, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dsl.pipeline(name="own-key")
    def pipeline(text: str, other: str) -> None:
        write(text=text).set_caching_options(True, cache_key="ours")
        write(text=other).set_caching_options(True)

    monkeypatch.setattr(vertex.services.pipelines, "caching", True)
    run_pipeline(pipeline, text="a", other="a")
    job = run_pipeline(pipeline, text="b", other="b")
    states = {it.task_name: it.state.name for it in job.job_detail.task_details}
    assert (states["write"], states["write-2"]) == ("SKIPPED", "SUCCEEDED")
    assert vertex.services.pipelines.output_parameters(job.name, "write") == {"Output": "a"}
