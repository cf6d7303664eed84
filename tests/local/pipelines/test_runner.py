"""Small pipelines, compiled here and run as Vertex AI Pipelines would."""

# mypy: disallow-untyped-decorators=False, disable-error-code="valid-type,empty-body,type-arg"

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from google.api_core import exceptions
from google.cloud.aiplatform_v1 import types
from kfp import dsl

from batchpredict.local import LOCATION, PROJECT
from batchpredict.local.runs import PARENT, run_folder
from batchpredict.local.session import LocalVertex

IMAGE = "python:3.11-slim"
DEADLINE = 60.0
Run = Callable[..., Any]
SUCCEEDED, FAILED = "PIPELINE_STATE_SUCCEEDED", "PIPELINE_STATE_FAILED"


@dsl.component(base_image=IMAGE)
def show(value: str, data: dsl.Output[dsl.Artifact]) -> None:
    with open(data.path, "w") as file:
        file.write(value)


@dsl.component(base_image=IMAGE)
def fail(message: str) -> str:
    raise ValueError(message)


@dsl.component(base_image=IMAGE)
def echo(value: str) -> str:
    return value


def states(job: Any) -> dict[str, str]:
    return {task.task_name: task.state.name for task in job.job_detail.task_details}


def task(job: Any, name: str) -> Any:
    return next(it for it in job.job_detail.task_details if it.task_name == name)


def artifact(job: Any, name: str, output: str = "data") -> Any:
    return task(job, name).outputs[output].artifacts[0]


@pytest.fixture
def content(vertex: LocalVertex) -> Callable[..., str]:
    """The text of an output artifact."""

    def content(job: Any, name: str, output: str = "data") -> str:
        assert job.state.name == SUCCEEDED, job.error.message
        return Path(vertex.store.path(artifact(job, name, output).uri)).read_text()

    return content


@dsl.component(base_image=IMAGE)
def make(
    text: str, number: int, share: float, flag: bool, items: list, table: dict
) -> NamedTuple(
    "Outputs", [("text", str), ("number", int), ("share", float), ("flag", bool),
                ("items", list), ("table", dict)]
):  # fmt: skip
    from collections import namedtuple

    made = namedtuple("made", "text number share flag items table")
    return made(text + "!", number + 1, share / 2, not flag, [*items, 4], {**table, "b": None})


@dsl.component(base_image=IMAGE)
def take(
    text: str, number: int, share: float, flag: bool, items: list, table: dict,
    data: dsl.Output[dsl.Artifact],
) -> None:  # fmt: skip
    import json

    with open(data.path, "w") as file:
        json.dump([text, number, share, flag, items, table], file)


def test_parameters_of_every_type_keep_it(run_pipeline: Run, content: Run) -> None:
    @dsl.pipeline(name="parameters")
    def parameters(text: str, number: int, share: float, flag: bool, items: list, table: dict):  # type: ignore[no-untyped-def]
        made = make(
            text=text, number=number, share=share, flag=flag, items=items, table=table
        ).outputs
        take(
            text=made["text"],
            number=made["number"],
            share=made["share"],
            flag=made["flag"],
            items=made["items"],
            table=made["table"],
        )

    given = {
        "text": "ünï {{$.pipeline_job_name}} 'q' \"q\" $HOME `x` \n\\",
        "number": 41,
        "share": 5.0,
        "flag": False,
        "items": [1, 2.5, "x"],
        "table": {"a": {"deep": [True]}},
    }
    job = run_pipeline(parameters, **given)
    assert json.loads(content(job, "take")) == [
        f"{given['text']}!",
        42,
        2.5,
        True,
        [1, 2.5, "x", 4],
        {"a": {"deep": [True]}, "b": None},
    ]
    assert "[1, 2.5," in content(job, "take")  # not 1.0


@dsl.component(base_image=IMAGE)
def build(
    dataset: dsl.Output[dsl.Dataset],
    model: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
    page: dsl.Output[dsl.HTML],
) -> None:
    for output in (dataset, model, page):
        with open(output.path, "w") as file:
            file.write(output.name)
    model.metadata["framework"] = "none"
    model.metadata["sizes"] = [1, 2]
    metrics.log_metric("accuracy", 0.75)


@dsl.component(base_image=IMAGE)
def inspect(
    dataset: dsl.Input[dsl.Dataset],
    model: dsl.Input[dsl.Model],
    metrics: dsl.Input[dsl.Metrics],
    data: dsl.Output[dsl.Artifact],
) -> None:
    import json

    with open(dataset.path) as one, open(model.path) as two, open(data.path, "w") as out:
        json.dump([one.read(), two.read(), model.metadata, metrics.metadata], out)


def test_artifacts_carry_content_type_and_metadata(run_pipeline: Run, content: Run) -> None:
    @dsl.pipeline(name="artifacts")
    def artifacts() -> None:
        built = build().outputs
        inspect(dataset=built["dataset"], model=built["model"], metrics=built["metrics"])

    job = run_pipeline(artifacts)
    assert json.loads(content(job, "inspect")) == [
        "dataset",
        "model",
        {"framework": "none", "sizes": [1, 2]},
        {"accuracy": 0.75},
    ]
    titles = {name: artifact(job, "build", name).schema_title for name in
              ("dataset", "model", "metrics", "page")}  # fmt: skip
    assert titles == {
        "dataset": "system.Dataset",
        "model": "system.Model",
        "metrics": "system.Metrics",
        "page": "system.HTML",
    }
    assert artifact(job, "build", "metrics").metadata["accuracy"] == 0.75


@dsl.component(base_image=IMAGE)
def report_input(
    data: dsl.Output[dsl.Artifact],
    project: str,
    location: str,
    name: str,
    given: dsl.Input[dsl.Dataset] | None = None,
) -> None:
    with open(data.path, "w") as file:
        file.write(f"{project} {location} {name} {given.uri if given else None}")


def test_graphs_in_graphs_with_optional_artifacts_and_default_placeholders(
    run_pipeline: Run, content: Run
) -> None:
    @dsl.pipeline(name="inner")
    def inner(
        given: dsl.Input[dsl.Dataset] = None,
        project: str = "{{$.pipeline_google_cloud_project_id}}",
        location: str = "{{$.pipeline_google_cloud_location}}",
        name: str = dsl.PIPELINE_JOB_NAME_PLACEHOLDER,
    ) -> None:
        report_input(project=project, location=location, name=name, given=given)

    @dsl.pipeline(name="outer")
    def outer() -> None:
        imported = dsl.importer(artifact_uri="gs://some/where", artifact_class=dsl.Dataset)
        inner()
        inner(given=imported.output, project="mine")

    job = run_pipeline(outer)
    job_id = job.name.rpartition("/")[2]
    assert content(job, "inner/report-input") == f"{PROJECT} {LOCATION} {job_id} None"
    assert content(job, "inner-2/report-input") == f"mine {LOCATION} {job_id} gs://some/where"
    parents = {it.task_name: it.parent_task_id for it in job.job_detail.task_details}
    assert parents["inner-2/report-input"] == task(job, "inner-2").task_id


@dsl.component(base_image=IMAGE)
def describe(it: dsl.Input[dsl.Model], data: dsl.Output[dsl.Artifact]) -> None:
    with open(data.path, "w") as file:
        import json

        file.write(json.dumps([it.uri, it.metadata]))


def test_an_importer_takes_uri_and_metadata_at_run_time(run_pipeline: Run, content: Run) -> None:
    @dsl.pipeline(name="imports")
    def imports(uri: str, version: str) -> None:
        metadata = {"version": version, "fixed": 3, "list": ["a", version]}
        it = dsl.importer(artifact_uri=uri, artifact_class=dsl.Model, metadata=metadata)
        describe(it=it.output)

    job = run_pipeline(imports, uri="gs://b/model", version="{{$.pipeline_job_name}}")
    text = "{{$.pipeline_job_name}}"  # a value is not resolved again
    wanted = {"version": text, "fixed": 3, "list": ["a", text]}
    assert json.loads(content(job, "describe")) == ["gs://b/model", wanted]
    assert artifact(job, "importer", "artifact").schema_title == "system.Model"


@dsl.component(base_image=IMAGE)
def meet(mine: str, other: str, data: dsl.Output[dsl.Artifact]) -> None:
    import time
    from pathlib import Path

    folder = Path(data.path).parents[1]
    (folder / mine).touch()
    deadline = time.monotonic() + 60
    while not (folder / other).exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{other} never came")
        time.sleep(0.01)


def test_independent_steps_run_at_the_same_time(run_pipeline: Run) -> None:
    @dsl.pipeline(name="together")
    def together() -> None:
        meet(mine="a", other="b")
        meet(mine="b", other="a")

    job = run_pipeline(together)
    assert job.state.name == SUCCEEDED, job.error.message


def test_a_branch_that_is_not_taken_is_skipped_with_what_needs_it(run_pipeline: Run) -> None:
    @dsl.pipeline(name="branches")
    def branches(grade: str) -> None:
        with dsl.If(grade == "good", name="is-good"):
            first = echo(value="1").set_display_name("first")
            echo(value=first.output).set_display_name("second")
        with dsl.Else():
            echo(value="bad").set_display_name("otherwise")
        echo(value="always").set_display_name("always")

    job = run_pipeline(branches, grade="bad")
    assert job.state.name == SUCCEEDED, job.error.message
    found = {name.rpartition("/")[2]: state for name, state in states(job).items()}
    assert found["otherwise"] == found["always"] == "SUCCEEDED"
    assert "NOT_TRIGGERED" in found.values()
    assert not {"first", "second"} & {k for k, v in found.items() if v == "SUCCEEDED"}


def test_what_comes_after_a_skipped_branch_is_skipped(run_pipeline: Run) -> None:
    @dsl.pipeline(name="skips")
    def skips(flag: bool) -> None:
        with dsl.If(flag == True, name="gate"):  # noqa: E712
            inner = echo(value="x")
        del inner
        start = echo(value="start").set_display_name("start")
        with dsl.If(start.output == "other", name="late"):
            echo(value="never").set_display_name("never")

    job = run_pipeline(skips, flag=False)
    found = states(job)
    assert job.state.name == SUCCEEDED
    assert found["gate"] == found["late"] == "NOT_TRIGGERED"


def test_one_of_is_the_output_of_the_branch_that_was_taken(
    run_pipeline: Run, content: Run
) -> None:
    @dsl.pipeline(name="one-of")
    def one_of(flag: bool) -> None:
        with dsl.If(flag == True):  # noqa: E712
            yes = echo(value="yes")
        with dsl.Else():
            no = echo(value="no")
        show(value=dsl.OneOf(yes.output, no.output))

    assert content(run_pipeline(one_of, flag=True), "show") == "yes"
    assert content(run_pipeline(one_of, flag=False), "show") == "no"


def test_a_failing_step_stops_what_needs_it_and_nothing_else(
    run_pipeline: Run, vertex: LocalVertex
) -> None:
    @dsl.pipeline(name="failing")
    def failing() -> None:
        broken = fail(message="it is wrong, and\nso is this")
        echo(value=broken.output).set_display_name("dependant")
        first = echo(value="1").set_display_name("first")
        echo(value=first.output).set_display_name("second")

    job = run_pipeline(failing)
    assert job.state.name == FAILED
    assert states(job) == {
        "fail": "FAILED",
        "dependant": "NOT_TRIGGERED",
        "first": "SUCCEEDED",
        "second": "SUCCEEDED",
    }
    log = run_folder(vertex, job.name) / "logs" / "fail.log"
    assert "raise ValueError(message)" in log.read_text()
    for message in (job.error.message, task(job, "fail").error.message):
        assert message.startswith("fail: ")
        assert message.endswith(f"(exit code 1, log: {log})")
        assert "\n" not in message


def test_the_message_is_the_exception_s(run_pipeline: Run) -> None:
    @dsl.pipeline(name="says-why")
    def says_why() -> None:
        fail(message="the table has no column 'x'")

    job = run_pipeline(says_why)
    assert job.error.message.startswith("fail: ValueError: the table has no column 'x' (exit")


def test_a_failure_inside_a_graph_is_told_once(run_pipeline: Run) -> None:
    @dsl.pipeline(name="inner")
    def inner() -> None:
        fail(message="deep down")

    @dsl.pipeline(name="outer")
    def outer() -> None:
        first = inner()
        echo(value="x").after(first)

    job = run_pipeline(outer)
    assert states(job) == {"inner": "FAILED", "inner/fail": "FAILED", "echo": "NOT_TRIGGERED"}
    assert job.error.message == task(job, "inner/fail").error.message
    assert job.error.message.startswith("inner/fail: ValueError: deep down ")


def test_two_failures_are_both_told(run_pipeline: Run) -> None:
    @dsl.pipeline(name="two")
    def two() -> None:
        fail(message="the one")
        fail(message="the other")

    message = run_pipeline(two).error.message
    assert "the one" in message
    assert "the other" in message


def test_a_bad_condition_fails_its_branch(run_pipeline: Run) -> None:
    @dsl.pipeline(name="quoted")
    def quoted(text: str) -> None:
        with dsl.If(text == "it's", name="gate"):
            echo(value="x")

    job = run_pipeline(quoted, text="it's")
    assert job.state.name == FAILED
    assert "E344" in job.error.message


@dsl.container_component
def sleep(started: dsl.OutputPath(str)):  # type: ignore[no-untyped-def]
    return dsl.ContainerSpec(
        image=IMAGE, command=["sh", "-c", 'echo > "$0"; sleep 600'], args=[started]
    )


@dsl.pipeline(name="sleeper")
def sleeper() -> None:
    first = sleep()
    echo(value=first.outputs["started"])


@pytest.fixture
def client(gapic: Callable[[str, str], Any]) -> Any:
    return gapic("pipeline", "grpc")


def wait_until_started(vertex: LocalVertex, name: str) -> None:
    folder = Path(vertex.store.path(f"gs://local-pipelines/{name.rpartition('/')[2]}"))
    deadline = time.monotonic() + DEADLINE
    while not list(folder.glob("sleep/started")):
        assert time.monotonic() < deadline, "the step did not start"
        time.sleep(0.02)


def test_a_cancelled_run_stops_its_steps(
    start_pipeline: Callable[..., str], vertex: LocalVertex, client: Any
) -> None:
    name = start_pipeline(sleeper)
    wait_until_started(vertex, name)
    running = vertex.services.pipelines.snapshot(name)
    assert running.state.name == "PIPELINE_STATE_RUNNING"
    assert states(running)["sleep"] == "RUNNING"
    with pytest.raises(exceptions.BadRequest, match="cancel it first"):
        client.delete_pipeline_job(name=name)
    client.cancel_pipeline_job(name=name)
    assert vertex.services.pipelines.wait(name, DEADLINE)
    job = client.get_pipeline_job(name=name)
    assert job.state.name == "PIPELINE_STATE_CANCELLED"
    assert states(job) == {"sleep": "CANCELLED", "echo": "NOT_TRIGGERED"}
    with pytest.raises(exceptions.BadRequest):
        client.cancel_pipeline_job(name=name)
    client.delete_pipeline_job(name=name).result()
    with pytest.raises(exceptions.NotFound):
        client.get_pipeline_job(name=name)


def test_constants_with_parameters_in_them(run_pipeline: Run, content: Run) -> None:
    @dsl.pipeline(name="f-strings")
    def f_strings(who: str, number: int) -> None:
        made = echo(value="made")
        show(value=f"hello {who}, {number} of {made.output} in {dsl.PIPELINE_ROOT_PLACEHOLDER}")

    job = run_pipeline(f_strings, who="{{$.pipeline_job_name}}", number=3)
    assert content(job, "show") == (
        "hello {{$.pipeline_job_name}}, 3 of made in gs://local-pipelines"
    )


@dsl.container_component
def write(  # type: ignore[no-untyped-def]
    text: str, data: dsl.Output[dsl.Dataset], length: dsl.OutputPath(int), extra: str = ""
):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=["sh", "-c", 'printf %s "$0" > "$1"; printf %d ${#0} > "$2"; echo "$3"'],
        args=[
            text,
            data.path,
            length,
            dsl.ConcatPlaceholder(["<", text, ">"]),
            dsl.IfPresentPlaceholder("extra", then=["--extra", extra]),
        ],
    )


@dsl.component(base_image=IMAGE)
def double(number: int, given: dsl.Input[dsl.Dataset], data: dsl.Output[dsl.Artifact]) -> None:
    with open(given.path) as file, open(data.path, "w") as out:
        out.write(f"{number * 2} {file.read()}")


def test_a_container_writes_a_parameter_and_an_artifact(
    run_pipeline: Run, content: Run, vertex: LocalVertex
) -> None:
    @dsl.pipeline(name="containers")
    def containers(text: str) -> None:
        written = write(text=text)
        double(number=written.outputs["length"], given=written.outputs["data"])

    job = run_pipeline(containers, text="$(x) 'y'")
    assert content(job, "double") == "16 $(x) 'y'"
    log = run_folder(vertex, job.name) / "logs" / "write.log"
    assert log.read_text() == "<$(x) 'y'>\n"


@dsl.component(base_image=IMAGE)
def reach_out(address: str) -> None:
    import socket

    socket.create_connection((address, 80), timeout=20)


def test_a_step_cannot_leave_this_machine(run_pipeline: Run, vertex: LocalVertex) -> None:
    if not vertex.sandbox.isolated:
        pytest.skip("; ".join(vertex.sandbox.notes))

    @dsl.pipeline(name="reaching")
    def reaching() -> None:
        reach_out(address="192.0.2.1")

    job = run_pipeline(reaching)
    assert job.state.name == FAILED
    assert "Network is unreachable" in job.error.message


@dsl.component(base_image=IMAGE, packages_to_install=["scikit-learn>=9"])
def needs_more() -> None:
    pass


def test_a_package_that_does_not_fit_is_named(run_pipeline: Run) -> None:
    @dsl.pipeline(name="needy")
    def needy() -> None:
        needs_more()

    message = run_pipeline(needy).error.message
    assert "E321" in message
    assert "scikit-learn" in message


def test_steps_of_one_display_name_do_not_share_a_folder(run_pipeline: Run, content: Run) -> None:
    @dsl.pipeline(name="titles")
    def titles() -> None:
        show(value="one").set_display_name("show-2")
        show(value="two").set_display_name("not a safe/name")
        show(value="three").set_display_name("same")
        show(value="four").set_display_name("same")

    job = run_pipeline(titles)
    names = list(states(job))
    assert len(set(names)) == 4
    assert sorted(content(job, name) for name in names) == ["four", "one", "three", "two"]


@pytest.mark.parametrize("given", [{}, {"value": "x", "nope": 1}], ids=["missing", "unknown"])
@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_parameters_that_do_not_fit_are_refused(
    gapic: Callable[[str, str], Any], tmp_path: Path, transport: str, given: dict[str, Any]
) -> None:
    with pytest.raises(exceptions.BadRequest, match="parameters"):
        create(gapic("pipeline", transport), tmp_path, given)


@dsl.pipeline(name="shows")
def shows(value: str) -> None:
    show(value=value)


def create(client: Any, folder: Path, given: dict[str, Any], **options: Any) -> Any:
    from google.protobuf import json_format
    from kfp.compiler import Compiler

    from batchpredict.pipeline_files import read_pipeline

    Compiler().compile(shows, str(folder / "shows.yaml"))
    content = {
        "pipelineSpec": read_pipeline(str(folder / "shows.yaml")).spec,
        "runtimeConfig": {"gcsOutputDirectory": "gs://own-bucket/root/", "parameterValues": given},
        **options.pop("fields", {}),
    }
    message = json_format.ParseDict(content, types.PipelineJob.pb(types.PipelineJob()))
    job = types.PipelineJob.wrap(message)
    return client.create_pipeline_job(parent=PARENT, pipeline_job=job, **options)


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_a_job_is_made_listed_and_found(
    gapic: Callable[[str, str], Any], tmp_path: Path, vertex: LocalVertex, transport: str
) -> None:
    client, job_id = gapic("pipeline", transport), f"by-{transport}"
    made = create(client, tmp_path, {"value": "x"}, pipeline_job_id=job_id)
    assert made.name == f"{PARENT}/pipelineJobs/{job_id}"
    assert made.state.name == "PIPELINE_STATE_RUNNING"
    with pytest.raises(exceptions.Conflict):
        create(client, tmp_path, {"value": "x"}, pipeline_job_id=job_id)
    assert vertex.services.pipelines.wait(made.name, DEADLINE)
    job = client.get_pipeline_job(name=made.name)
    assert job.state.name == SUCCEEDED
    assert artifact(job, "show").uri == f"gs://own-bucket/root/{job_id}/show/data"
    listed = client.list_pipeline_jobs(parent=PARENT)
    assert job_id in [it.name.rpartition("/")[2] for it in listed]


@pytest.mark.parametrize("job_id", ["UPPER", "a/b", "../up", "1x"])
def test_an_id_that_is_no_name_is_refused(client: Any, tmp_path: Path, job_id: str) -> None:
    with pytest.raises(exceptions.BadRequest):
        create(client, tmp_path, {"value": "x"}, pipeline_job_id=job_id)


def test_a_run_needs_a_folder_in_cloud_storage(client: Any, tmp_path: Path) -> None:
    fields = {"runtimeConfig": {"gcsOutputDirectory": "/tmp/x", "parameterValues": {"value": ""}}}
    with pytest.raises(exceptions.BadRequest, match="gs://"):
        create(client, tmp_path, {}, fields=fields)
