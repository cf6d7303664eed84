"""The page of a run says all, and whatever a run is called stays text."""

import datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from batchpredict.errors import UsageError
from batchpredict.graphing.model import graph_of
from batchpredict.reporting.facts import RunFacts, Surroundings, facts_of, value_text
from batchpredict.reporting.local_runs import find_local_run, last_lines
from batchpredict.reporting.page import bars_of, duration_text, node_path, page_of

NOW = datetime.datetime(2030, 1, 1, 12, 30, tzinfo=datetime.UTC)
JOB = "projects/p/locations/l/customJobs/7"
NAME = "projects/p/locations/us-central1/pipelineJobs/nightly-1"
EVIL = "</title></script><script>alert('x')</script><img src=x onerror=\"alert(1)\">{{ 7*7 }}"
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "p", "span"),
    *("a", "section", "div", "table", "thead", "tbody", "tr", "th", "td", "details", "summary"),
    *("pre", "footer", "svg", "rect", "g", "text", "path"),
}


class Reader(HTMLParser):
    """Notes tags, attributes and text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    assert reader.tags <= TAGS
    for name, value in reader.attributes:
        assert not name.startswith("on"), name
        assert name not in ("src", "srcdoc", "action", "formaction"), name
        if name == "href":
            assert value.startswith(("#step-", "https://console.cloud.google.com/", "file:///"))
    assert "url(" not in page
    assert "@import" not in page
    return reader


def detail(number: int, name: str, state: str, parent: int = 1, **fields: Any) -> dict[str, Any]:
    return {"taskId": str(number), "parentTaskId": str(parent), "taskName": name,
            "state": state, **fields}  # fmt: skip


def job(name: str = "score", message: str = "no such column", **fields: Any) -> dict[str, Any]:
    """Return a run as Vertex AI gives it: own names, and the run itself as a task."""
    step = {"componentRef": {"name": "comp-step"}, "taskInfo": {"name": name}}
    spec = {
        "pipelineInfo": {"name": name},
        "deploymentSpec": {"executors": {"exec-step": {"container": {"image": name}}}},
        "components": {
            "comp-step": {"executorLabel": "exec-step"},
            "comp-group": {"dag": {"tasks": {name: step}}},
        },
        "root": {
            "inputDefinitions": {"parameters": {"rows": {"defaultValue": 3.0}}},
            "dag": {"tasks": {"group": {"componentRef": {"name": "comp-group"}}}},
        },
    }
    times = {"startTime": "2030-01-01T12:00:10.123456789Z", "endTime": "2030-01-01T12:20:10Z"}
    metrics = {"uri": f"gs://bucket/{name}", "schemaTitle": "system.Metrics",
               "metadata": {"accuracy": 0.5, name: name}}  # fmt: skip
    details = [
        detail(1, NAME.rpartition("/")[2], "FAILED", 0, **times),
        detail(2, "group", "FAILED", 1, **times),
        detail(3, name, "FAILED", 2, **times, error={"message": message},
               outputs={name: {"artifacts": [metrics]}},
               execution={"metadata": {"output:label": name}},
               executorDetail={"containerDetail": {"mainJob": JOB}}),
        detail(4, "later", "NOT_TRIGGERED", 1),
    ]  # fmt: skip
    return {
        "name": NAME, "state": "PIPELINE_STATE_FAILED", "pipelineSpec": spec, **times,
        "error": {"message": message}, "labels": {"team": name},
        "runtimeConfig": {"gcsOutputDirectory": "gs://b/r", "parameterValues": {"word": name}},
        "jobDetail": {"taskDetails": details}, **fields,
    }  # fmt: skip


def page(run: RunFacts) -> str:
    return page_of(run, NOW)


def test_all_is_said() -> None:
    around = Surroundings(
        run_link="https://console.cloud.google.com/run",
        job_link=lambda name: f"https://console.cloud.google.com/{name}",
        log_of=lambda path: [f"last words of {path}"],
        gave={"group/score": {"decision": "pass"}},
    )
    facts = facts_of(job(), around)
    assert [(step.path, step.state) for step in facts.steps] == [
        ("group/score", "FAILED"), ("later", "NOT_TRIGGERED"),
    ]  # fmt: skip
    assert facts.parameters == {"rows": "3", "word": "score"}
    text = read(page(facts)).text
    for part in (
        *("nightly-1", "✗ failed", "in 20 min 0 s", "no such column", "group/score: failed"),
        *("last words of group/score", "accuracy", "0.5", "gs://bucket/score", "decision"),
        *("label", "projects/p/locations/l/customJobs/7", "not taken", "team=score", "gs://b/r"),
        *("started 2030-01-01 12:00:10 UTC", "Open in the console"),
    ):
        assert part in text, part


@pytest.mark.parametrize("name", [EVIL, "\"'><b>", "x" * 5000, "\x00\x1b[2J\u202e", "ä / ö"])
def test_hostile_names_stay_text(name: str) -> None:
    around = Surroundings(run_link="", log_of=lambda _: [name], folder=name)
    whole = page(facts_of(job(name, message=name, displayName=name), around))
    reader = read(whole)
    assert "49" not in reader.text.replace("2030", "")  # Jinja did not look at it
    assert "alert" not in "".join(value for _, value in reader.attributes)
    if name.isprintable():
        assert name[:200] in reader.text


def test_a_uri_is_a_link_only_when_it_leads_to_a_known_place() -> None:
    around = Surroundings(link_of=lambda _: "")
    run = job()
    run["jobDetail"]["taskDetails"][2]["outputs"]["score"]["artifacts"][0]["uri"] = "javascript:1"
    assert "javascript:1" in read(page(facts_of(run, around))).text


@pytest.mark.parametrize("run", [
    {}, {"name": NAME}, {"jobDetail": {"taskDetails": [None, 3, {}]}},
    {"pipelineSpec": [], "runtimeConfig": "x", "error": 3, "labels": []},
    {"jobDetail": {"taskDetails": [detail(1, "a", "RUNNING", 2), detail(2, "b", "RUNNING", 1)]}},
])  # fmt: skip
def test_a_run_that_has_hardly_begun_has_a_page(run: dict[str, Any]) -> None:
    assert "Timeline" in read(page(facts_of(run, Surroundings()))).text


def test_bars_lie_within_the_time_of_the_run() -> None:
    times = [("12:00:00", "12:10:00"), ("12:10:00", "12:29:59"), ("12:29:59", "12:30:00")]
    details = [
        detail(
            n, f"s{n}", "SUCCEEDED", 0, startTime=f"2030-01-01T{a}Z", endTime=f"2030-01-01T{b}Z"
        )
        for n, (a, b) in enumerate(times, 1)
    ]
    details.append(detail(9, "waits", "PENDING", 0))
    facts = facts_of({"name": NAME, "startTime": "2030-01-01T12:00:00Z",
                      "jobDetail": {"taskDetails": details}}, Surroundings())  # fmt: skip
    bars = bars_of(facts, NOW)
    assert [(round(bar.left, 1), round(bar.width, 1)) for bar in bars] == [
        (0.0, 33.3), (33.3, 66.6), (99.6, 0.4), (0.0, 0.0),
    ]  # fmt: skip
    assert all(bar.left + bar.width <= 100.0001 for bar in bars)


def test_a_round_of_a_loop_belongs_to_the_loop() -> None:
    loop = {"componentRef": {"name": "comp-group"}, "parameterIterator": {"items": {"raw": "[1]"}}}
    spec = job()["pipelineSpec"]
    spec["root"]["dag"]["tasks"] = {"for-loop-2": loop, "step-1": {}}
    root = graph_of(spec)
    assert node_path(root, "for-loop-2-11/score") == "for-loop-2/score"
    assert node_path(root, "step-1") == "step-1"
    assert node_path(root, "step-1-0") is None
    assert node_path(root, "nothing/here") is None


def test_times_and_values_are_readable() -> None:
    hours = datetime.timedelta(hours=3, minutes=4, seconds=5)
    assert duration_text(NOW - hours, NOW) == "3 h 4 min"
    assert duration_text(NOW - datetime.timedelta(seconds=59.94), NOW) == "59.9 s"
    assert duration_text(None, NOW) == ""
    assert value_text(3.0) == "3"
    assert value_text(["ä", 1]) == '["ä", 1]'
    assert value_text("x" * 5000).endswith("… (5000 characters)")


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="E442"):
        find_local_run(tmp_path, str(tmp_path))
    assert find_local_run(tmp_path, "") is None


def test_the_last_lines_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "step.log"
    log.write_bytes(
        b"\xff" * 200_000 + b"\n" + b"\n".join(b"\x1b[31mline %d" % n for n in range(30))
    )
    lines = last_lines(log)
    assert len(lines) == 20
    assert lines[-1] == "line 29"
    assert last_lines(tmp_path / "none.log") == []
