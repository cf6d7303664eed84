"""Steps that are taken from an earlier run, and all that makes them run again."""

# mypy: disallow-untyped-decorators=False, disable-error-code="no-untyped-def,valid-type"

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl
from sklearn.linear_model import LogisticRegression

from batchpredict.local.pipelines import cache
from batchpredict.local.runs import run_folder
from batchpredict.local.session import LocalVertex

IMAGE = "python:3.11-slim"
Run = Callable[..., Any]
TAKEN, RAN = "SKIPPED", "SUCCEEDED"


@dsl.component(base_image=IMAGE)
def write(text: str, data: dsl.Output[dsl.Dataset], uri: str = "") -> str:
    with open(data.path, "w") as file:
        file.write(text)
    data.metadata["sizes"] = [1, 2.5]
    return text + uri


@dsl.component(base_image=IMAGE)
def count(given: dsl.Input[dsl.Dataset], data: dsl.Output[dsl.Artifact]) -> int:
    with open(given.path) as file, open(data.path, "w") as out:
        return out.write(file.read())


@dsl.pipeline(name="chain")
def chain(text: str, uri: str = "") -> None:
    count(given=write(text=text, uri=uri).outputs["data"])


@dsl.pipeline(name="counting")
def counting(uri: str) -> None:
    count(given=dsl.importer(artifact_uri=uri, artifact_class=dsl.Dataset).output)


@pytest.fixture(autouse=True)
def caching(vertex: LocalVertex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vertex.services.pipelines, "caching", True)


def detail(job: Any, name: str) -> Any:
    assert job.state.name == "PIPELINE_STATE_SUCCEEDED", job.error.message
    return next(it for it in job.job_detail.task_details if it.task_name == name)


def state(job: Any, name: str) -> str:
    return str(detail(job, name).state.name)


@pytest.fixture
def put(vertex: LocalVertex) -> Callable[[str, str], str]:
    """Write an object and return its URI."""

    def put(uri: str, text: str) -> str:
        path = Path(vertex.store.path(uri))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return uri

    return put


def test_a_step_is_taken_with_its_outputs_and_says_from_where(
    run_pipeline: Run, vertex: LocalVertex
) -> None:
    first = run_pipeline(chain, text="taken")
    second = run_pipeline(chain, text="taken")
    assert (state(first, "write"), state(first, "count")) == (RAN, RAN)
    assert (state(second, "write"), state(second, "count")) == (TAKEN, TAKEN)
    old, new = detail(first, "write"), detail(second, "write")
    assert new.outputs == old.outputs
    assert new.outputs["data"].artifacts[0].schema_title == "system.Dataset"
    assert new.execution.state.name == "CACHED"
    source = {"cached_run": first.name, "cached_task": "write"}
    assert dict(new.execution.metadata) == source
    parameters = vertex.services.pipelines.output_parameters
    assert parameters(second.name, "count") == parameters(first.name, "count") == {"Output": 5}
    log = run_folder(vertex, second.name) / "logs" / "write.log"
    assert log.read_text() == f"taken from the cache: write of {first.name}\n"


def test_a_step_of_another_pipeline_is_taken_for_inputs_of_equal_content(
    run_pipeline: Run, put: Run
) -> None:
    one, two = put("gs://cache-one/a", "same text"), put("gs://cache-two/b", "same text")
    assert state(run_pipeline(counting, uri=one), "count") == RAN
    assert state(run_pipeline(counting, uri=two), "count") == TAKEN

    @dsl.pipeline(name="other")
    def other(uri: str) -> None:
        made = dsl.importer(artifact_uri=uri, artifact_class=dsl.Dataset).output
        count(given=made).set_display_name("first")
        with dsl.ParallelFor(["x"], name="loop"):
            count(given=made).set_display_name("counted")

    job = run_pipeline(other, uri=two)
    assert (state(job, "first"), state(job, "loop-0/counted")) == (TAKEN, TAKEN)


def test_without_caching_every_step_runs(
    run_pipeline: Run, vertex: LocalVertex, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_pipeline(chain, text="switched off")
    monkeypatch.setattr(vertex.services.pipelines, "caching", False)
    assert state(run_pipeline(chain, text="switched off"), "write") == RAN


def test_a_step_whose_yaml_says_so_runs_always(run_pipeline: Run) -> None:
    @dsl.pipeline(name="never")
    def never() -> None:
        write(text="never").set_caching_options(False)

    assert [state(run_pipeline(never), "write") for _ in range(2)] == [RAN, RAN]


def test_another_value_makes_it_run(run_pipeline: Run) -> None:
    run_pipeline(chain, text="one value")
    assert state(run_pipeline(chain, text="another value"), "write") == RAN


def test_other_content_of_an_input_makes_it_run(run_pipeline: Run, put: Run) -> None:
    uri = put("gs://cache-changes/artifact", "before")
    run_pipeline(counting, uri=uri)
    put(uri, "after")
    assert state(run_pipeline(counting, uri=uri), "count") == RAN
    assert state(run_pipeline(counting, uri=uri), "count") == TAKEN


@pytest.mark.parametrize("uri", ["gs://cache-texts/folder/file", "gs://cache-texts/folder"])
def test_other_content_behind_a_text_makes_it_run(run_pipeline: Run, put: Run, uri: str) -> None:
    put("gs://cache-texts/folder/file", f"before {uri}")
    found = [state(run_pipeline(chain, text=uri, uri=uri), "write") for _ in range(2)]
    put("gs://cache-texts/folder/file", f"after {uri}")
    found += [state(run_pipeline(chain, text=uri, uri=uri), "write") for _ in range(2)]
    assert found == [RAN, TAKEN, RAN, TAKEN]


@pytest.mark.parametrize(
    "uri",
    ["bq://p.d.t", "gs://cache-wide", "gs://cache-wide/part-*.csv", "gs://cache-wide/part-"],
)
def test_what_cannot_be_looked_at_makes_it_run(run_pipeline: Run, put: Run, uri: str) -> None:
    put("gs://cache-wide/part-1.csv", "x")
    found = [state(run_pipeline(chain, text="wide", uri=uri), "write") for _ in range(2)]
    assert found == [RAN, RAN]


@dsl.component(base_image=IMAGE)
def refuse_bigquery(uri: str) -> str:
    """Look at a text and no further."""
    if uri.startswith("bq://"):
        raise ValueError("BigQuery is not read here")
    return uri


@dsl.component(base_image=IMAGE)
def query() -> str:
    return "SELECT 1 FROM bq://project.dataset.table"


def test_a_step_is_taken_when_its_source_only_looks_for_bigquery(run_pipeline: Run) -> None:
    @dsl.pipeline(name="looking")
    def looking() -> None:
        refuse_bigquery(uri="x")
        query()

    run_pipeline(looking)
    job = run_pipeline(looking)
    assert (state(job, "refuse-bigquery"), state(job, "query")) == (TAKEN, RAN)


@pytest.mark.parametrize("is_deleted", [False, True], ids=["changed", "deleted"])
def test_outputs_that_are_not_as_they_were_are_made_again(
    run_pipeline: Run, vertex: LocalVertex, is_deleted: bool
) -> None:
    text = f"output {is_deleted}"
    first = run_pipeline(chain, text=text)
    path = Path(vertex.store.path(detail(first, "write").outputs["data"].artifacts[0].uri))
    path.unlink() if is_deleted else path.write_text("not as it was")
    again = run_pipeline(chain, text=text)
    assert state(again, "write") == RAN
    uri = detail(again, "write").outputs["data"].artifacts[0].uri
    assert Path(vertex.store.path(uri)).read_text() == text


@dsl.component(base_image=IMAGE)
def name_model(parent: str, number: str, data: dsl.Output[dsl.Artifact]) -> str:
    name = f"{parent}/models/{number}"
    data.uri = f"https://us-central1-aiplatform.googleapis.com/v1/{name}"
    return name


@dsl.pipeline(name="naming")
def naming(parent: str, number: str) -> None:
    name_model(parent=parent, number=number)


def test_a_resource_that_is_gone_is_made_again(
    run_pipeline: Run, upload_sklearn: Run, gapic: Run
) -> None:
    name = upload_sklearn(LogisticRegression().fit([[0], [1]], [0, 1]))
    parent, number = name.split("/models/")
    given = {"parent": parent, "number": number}
    found = [state(run_pipeline(naming, **given), "name-model") for _ in range(2)]
    gapic("model", "grpc").delete_model(name=name).result()
    found += [state(run_pipeline(naming, **given), "name-model") for _ in range(2)]
    assert found == [RAN, TAKEN, RAN, RAN]


@dsl.component(base_image=IMAGE)
def point(address: str, data: dsl.Output[dsl.Artifact]) -> None:
    data.uri = address


def test_an_output_that_lies_elsewhere_is_made_again(run_pipeline: Run) -> None:
    @dsl.pipeline(name="pointing")
    def pointing() -> None:
        point(address="https://example.com/thing")

    assert [state(run_pipeline(pointing), "point") for _ in range(2)] == [RAN, RAN]


def test_other_packages_make_it_run(run_pipeline: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run_pipeline(chain, text="packages")
    monkeypatch.setattr(cache, "_environment", lambda: ["other 1.0"])
    assert state(run_pipeline(chain, text="packages"), "write") == RAN


@dsl.component(base_image=IMAGE)
def fail_once(data: dsl.Output[dsl.Artifact], folder: str) -> None:
    from pathlib import Path

    mark = Path(data.path).parents[2] / folder
    Path(data.path).touch()
    if not mark.exists():
        mark.touch()
        raise ValueError("not yet")


def test_a_failed_step_is_never_taken(run_pipeline: Run) -> None:
    @dsl.pipeline(name="failing-once")
    def failing_once() -> None:
        fail_once(folder="failed-once")

    assert run_pipeline(failing_once).state.name == "PIPELINE_STATE_FAILED"
    found = [state(run_pipeline(failing_once), "fail-once") for _ in range(2)]
    assert found == [RAN, TAKEN]


@dsl.container_component
def tell_job(text: str, made: dsl.OutputPath(str)):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=["sh", "-c", 'echo "$0 $1" > "$2"'],
        args=[text, dsl.PIPELINE_JOB_NAME_PLACEHOLDER, made],
    )


def test_a_command_with_the_name_of_the_run_in_it_runs(run_pipeline: Run) -> None:
    @dsl.pipeline(name="telling")
    def telling() -> None:
        tell_job(text="x")

    assert [state(run_pipeline(telling), "tell-job") for _ in range(2)] == [RAN, RAN]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"outputs": {}}', '{"outputs": 3}'])
def test_a_damaged_entry_is_none(run_pipeline: Run, vertex: LocalVertex, damage: str) -> None:
    before = set((vertex.home / "cache").glob("*"))
    run_pipeline(chain, text=f"damage {damage}")
    made = set((vertex.home / "cache").glob("*")) - before
    assert len(made) == 2
    for path in made:
        path.write_text(damage)
    assert state(run_pipeline(chain, text=f"damage {damage}"), "write") == RAN
    assert state(run_pipeline(chain, text=f"damage {damage}"), "write") == TAKEN
