"""`logs` through Cloud Logging's method, as far as it is here."""

import json

from verbs import LOCAL, Verbs

from batchpredict.local.session import LocalVertex

LIST = "logging.entries.list"


def test_the_log_of_a_run_and_of_a_step(verb: Verbs, talk: str) -> None:
    done = verb("submit", talk, "-p", "text=x\x1b[2J", "--wait", "--run-id", "told", env=LOCAL)
    assert done.code == 0, done.stderr
    every = verb("logs", "told", env=LOCAL)
    assert every.code == 0, every.stderr
    said = [line for line in every.stdout.splitlines() if "begin" in line or "end" in line]
    assert said == [
        "first | begin x\ufffd[2J",
        "first | end x\ufffd[2J",
        "second | begin then x\ufffd[2J",
        "second | end then x\ufffd[2J",
    ]
    one = verb("logs", "told", "second", "--output", "json", env=LOCAL)
    lines = [json.loads(line) for line in one.stdout.splitlines()]
    assert {line["step"] for line in lines} == {"second"}
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)
    assert "begin then x\x1b[2J" in [line["text"] for line in lines]
    none = verb("logs", "told", "secnod", env=LOCAL)
    assert (none.code, none.stdout) == (2, "")
    assert none.stderr.startswith("Error: E454 run told: there is no step 'secnod'; did you mean")


def test_following_ends_with_the_run_and_says_nothing_twice(
    verb: Verbs, vertex: LocalVertex, talk: str
) -> None:
    verb("submit", talk, "-p", "text=x", "-p", "seconds=2", "--run-id", "followed", env=LOCAL)
    with vertex.faults.calls(LIST) as calls:
        done = verb("logs", "followed", "-f", env=LOCAL)
    assert done.code == 0, done.stderr
    said = [line for line in done.stdout.splitlines() if "begin" in line or "end" in line]
    assert said == [
        *("first | begin x", "first | end x"),
        *("second | begin then x", "second | end then x"),
    ]
    assert calls.seen > 1
    assert verb("logs", "followed", env=LOCAL).stdout == done.stdout


def test_what_cloud_logging_says_is_one_line(verb: Verbs, vertex: LocalVertex, talk: str) -> None:
    verb("submit", talk, "-p", "text=x", "--wait", "--run-id", "denied", env=LOCAL)
    message = "Permission 'logging.logEntries.list' denied"
    with vertex.faults.plan(LIST, "status", status="PERMISSION_DENIED", message=message):
        done = verb("logs", "denied", env=LOCAL)
    assert done.code == 3
    assert done.stderr.startswith("Error: E402 reading the log: ")
    assert "lacks logging.logEntries.list" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    with vertex.faults.plan(LIST, "status", [1, 2], status=503) as plan:
        assert verb("logs", "denied", env=LOCAL).code == 0
    assert plan.seen == 3
