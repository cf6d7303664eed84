"""`cancel` and `status` through the real client over gRPC."""

from verbs import LOCAL, Verbs

from batchpredict.local.session import LocalVertex


def test_a_running_run_is_cancelled(verb: Verbs, talk: str) -> None:
    started = verb(
        "submit", talk, "-p", "text=x", "-p", "seconds=100", "--run-id", "running", env=LOCAL
    )
    assert started.code == 0, started.stderr
    done = verb("cancel", "running", "--wait", env=LOCAL)
    assert (done.code, done.stderr) == (0, "the run running has ended: CANCELLED\n")
    again = verb("cancel", "running", env=LOCAL)
    assert (again.code, again.stderr) == (0, "the run running has ended: CANCELLED\n")
    assert verb("status", "running", env=LOCAL).code == 1


def test_a_run_that_has_ended_stays_as_it_is(verb: Verbs, talk: str) -> None:
    assert verb("submit", talk, "-p", "text=x", "--wait", "--run-id", "ended", env=LOCAL).code == 0
    done = verb("cancel", "ended", "--wait", env=LOCAL)
    assert (done.code, done.stderr) == (0, "the run ended had ended before: SUCCEEDED\n")
    assert verb("status", "ended", env=LOCAL).code == 0


def test_a_refusal_to_cancel_what_runs_is_told(
    verb: Verbs, vertex: LocalVertex, talk: str
) -> None:
    """Only of a run that has ended is it no fault."""
    verb("submit", talk, "-p", "text=x", "-p", "seconds=100", "--run-id", "stays", env=LOCAL)
    name = "PipelineService.CancelPipelineJob"
    with vertex.faults.plan(name, "status", status="FAILED_PRECONDITION", message="not now"):
        done = verb("cancel", "stays", env=LOCAL)
    assert done.code == 1
    assert done.stderr == "Error: E406 cancelling the run stays: refused: not now\n"
    assert verb("cancel", "stays", env=LOCAL).code == 0


def test_an_unknown_run_is_named(verb: Verbs) -> None:
    for word in ("cancel", "status", "logs"):
        done = verb(word, "nowhere", env=LOCAL)
        assert done.code == 1
        doing = "cancelling" if word == "cancel" else "reading"
        assert done.stderr.startswith(f"Error: E403 {doing} the run nowhere: "), done.stderr
        assert len(done.stderr.splitlines()) == 1
    wrong = verb("status", "projects/p/locations/l/jobs/1", env=LOCAL)
    assert (wrong.code, wrong.stderr.split()[1]) == (2, "E409")
    assert verb("status", "some-run").stderr.startswith("Error: E411 ")


def test_the_last_runs_are_listed(verb: Verbs, talk: str) -> None:
    for number in range(3):
        label = f"row={number % 2}"
        verb(
            "submit",
            talk,
            "-p",
            "text=x",
            "--run-id",
            f"listed{number}",
            "--label",
            label,
            env=LOCAL,
        )
    found = verb("status", "--limit", "2", "--output", "json", env=LOCAL)
    assert [run["id"] for run in found.json] == ["listed2", "listed1"]
    assert [run["parameters"] for run in found.json] == [{"text": "x"}] * 2
    even = verb("status", "--label", "row=0", env=LOCAL)
    assert [line.split()[-1] for line in even.stdout.splitlines()] == ["RUN", "listed2", "listed0"]
    wrong = verb("status", "--label", 'row="7"', env=LOCAL)
    assert (wrong.code, wrong.stderr.split()[1]) == (2, "E400")
    none = verb("status", "--label", "row=7", "--output", "json", env=LOCAL)
    assert none.json == []
