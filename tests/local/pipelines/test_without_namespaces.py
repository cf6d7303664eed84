"""Paths that steps get where the system has no private namespaces."""

# mypy: disallow-untyped-decorators=False, disable-error-code="valid-type,no-any-return"

from pathlib import Path

from kfp import dsl
from kfp.compiler import Compiler

from batchpredict.local.runs import start_run
from batchpredict.local.session import local_vertex
from batchpredict.local.settings import LocalSettings
from batchpredict.pipeline_files import read_pipeline

IMAGE = "python:3.11-slim"
TIMEOUT = 120.0


@dsl.container_component
def write(data: dsl.Output[dsl.Dataset], length: dsl.OutputPath(int)):  # type: ignore[no-untyped-def]
    command = ["sh", "-c", 'echo text > "$0"; printf 4 > "$1"']
    return dsl.ContainerSpec(image=IMAGE, command=command, args=[data.path, length])


@dsl.container_component
def copy(given: dsl.Input[dsl.Dataset], number: int, data: dsl.Output[dsl.Dataset]):  # type: ignore[no-untyped-def]
    command = ["sh", "-c", '(cat "$0"; echo "$2") > "$1"']
    return dsl.ContainerSpec(image=IMAGE, command=command, args=[given.path, data.path, number])


@dsl.component(base_image=IMAGE)
def shout(given: dsl.Input[dsl.Dataset], data: dsl.Output[dsl.Dataset]) -> str:
    with open(given.path) as file, open(data.path, "w") as out:
        out.write(file.read().upper())
    return data.uri


@dsl.pipeline(name="paths")
def paths() -> None:
    written = write().outputs
    copied = copy(given=written["data"], number=written["length"])
    shout(given=copied.outputs["data"])


def test_the_paths_of_artifacts_lead_into_the_store(tmp_path: Path) -> None:
    Compiler().compile(paths, str(tmp_path / "paths.yaml"))
    with local_vertex(tmp_path / "home", LocalSettings(warm=False, isolate=False)) as vertex:
        name = start_run(vertex, read_pipeline(str(tmp_path / "paths.yaml")), {})
        assert vertex.services.pipelines.wait(name, TIMEOUT)
        job = vertex.services.pipelines.snapshot(name)
        assert job.state.name == "PIPELINE_STATE_SUCCEEDED", job.error.message
        uri = job.job_detail.task_details[-1].outputs["data"].artifacts[0].uri
        [shouted] = Path(vertex.store.root).glob("**/shout/data")
        assert shouted.read_text() == "TEXT\n4\n"
        assert uri.startswith("gs://")
