"""`report` of a run of this machine, and of the same run as Vertex AI has it."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from kfp import dsl
from kfp.compiler import Compiler
from verbs import LOCAL, Result, Verbs

from batchpredict.local.session import LocalVertex

IMAGE = "python:3.11-slim"
EVIL = "</script><script>alert(1)</script>\"'"
RUN = "reported"


@dsl.component(base_image=IMAGE)
def score(text: str, metrics: dsl.Output[dsl.Metrics]) -> str:
    metrics.log_metric("accuracy", 0.75)
    return text


@dsl.component(base_image=IMAGE)
def refuse(text: str):
    print("about to fail with", text)
    raise ValueError(f"no such column {text}")


@dsl.pipeline(name="reported")
def reported(word: str):
    first = score(text=word)
    refuse(text=first.outputs["Output"])


class Text(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def submitted(verb: Verbs, tmp_path_factory: pytest.TempPathFactory) -> Result:
    path = tmp_path_factory.mktemp("compiled") / "reported.yaml"
    Compiler().compile(reported, str(path))
    arguments = ("submit", str(path), "-p", f"word={EVIL}", "--run-id", RUN, "--wait")
    done = verb(*arguments, env=LOCAL)
    assert done.code == 1, done.stderr
    return done


def common(page: str) -> Text:
    found = Text(page)
    assert "script" not in found.tags
    for part in (
        "✗ failed",
        "refuse: failed",
        f"no such column {EVIL}",
        "accuracy",
        "0.75",
        "word",
    ):
        assert part in found.text, part
    return found


@pytest.mark.usefixtures("submitted")
def test_a_run_of_this_machine(verb: Verbs, vertex: LocalVertex, tmp_path: Path) -> None:
    done = verb("report", RUN, "--home", str(vertex.home), "-o", "page.html", cwd=tmp_path)
    assert done.code == 0, done.stderr
    assert done.stdout == "report: page.html\n"
    found = common((tmp_path / "page.html").read_text())
    assert f"about to fail with {EVIL}" in found.text
    assert str(vertex.home / "runs" / RUN) in found.text
    assert not [link for link in found.links if link.startswith("http")]
    again = verb("report", str(vertex.home / "runs" / RUN), "--output", "json", cwd=tmp_path)
    assert again.json["state"] == "FAILED"
    assert again.json["run"].endswith(f"/pipelineJobs/{RUN}")
    assert Path(again.json["file"]) == (vertex.home / "runs" / RUN / "report.html").resolve()
    assert Path(again.json["file"]).is_file()


@pytest.mark.usefixtures("submitted")
def test_a_run_on_vertex(verb: Verbs, tmp_path: Path) -> None:
    done = verb("report", RUN, cwd=tmp_path, env=LOCAL)
    assert done.code == 0, done.stderr
    found = common((tmp_path / f"{RUN}.html").read_text())
    console = "https://console.cloud.google.com/"
    page = f"{console}vertex-ai/locations/us-central1/pipelines/runs/{RUN}?project=local-project"
    assert page in found.links
    assert f"{console}storage/browser" in "".join(found.links)
    missing = verb("report", "never-was", cwd=tmp_path, env=LOCAL)
    assert missing.code == 1
    assert "E403" in missing.stderr


def test_a_run_that_is_nowhere(verb: Verbs, tmp_path: Path) -> None:
    done = verb("report", cwd=tmp_path)
    assert done.code == 2
    assert done.stdout == ""
    assert "E442 .batchpredict has no run; for a run on Vertex AI add --project" in done.stderr


def test_a_name_is_guessed(verb: Verbs, tmp_path: Path) -> None:
    folder = tmp_path / ".batchpredict/vertex/projects/p/locations/l/pipelineJobs"
    folder.mkdir(parents=True)
    (folder / "nightly-1.json").write_text(json.dumps({"name": "projects/p/x/nightly-1"}))
    done = verb("report", "nightly-2", cwd=tmp_path)
    assert done.code == 2
    assert "did you mean 'nightly-1'?" in done.stderr
    assert verb("report", cwd=tmp_path).code == 0
    assert (tmp_path / "nightly-1.html").is_file()
