"""Schedules from a file to their runs, through the real client over gRPC."""

import datetime
from typing import Any

from local.vertex.schedules.support import DAY, HOUR, jobs_of, states_of

from batchpredict.local.runs import PARENT
from batchpredict.local.session import LocalVertex
from batchpredict.vertex.schedule_states import plain


def values(job: Any) -> Any:
    return plain(dict(job.runtime_config.parameter_values))


def test_a_schedule_is_made_and_applied_again_without_a_change(project: Any) -> None:
    project.write({"name": "same", "timezone": "Europe/Berlin", "parameters": {"count": 2}})
    [first] = project.apply()
    assert (first["name"], first["outcome"], first["changes"]) == ("same", "created", [])
    kept = project.kept("same")
    assert kept.cron == "TZ=Europe/Berlin 0 * * * *"
    assert first["schedule"]["resource"] == kept.name
    again = project.done("apply", "schedules.json")
    assert again.stdout.splitlines()[0] == f"same: unchanged in {PARENT}"
    assert project.kept("same").update_time == kept.update_time
    [third] = project.apply("same")
    assert third["outcome"] == "unchanged"


def test_what_arrives_is_what_the_dry_run_prints(project: Any) -> None:
    times = {"start_time": "2031-01-01T00:00:00", "end_time": "2032-01-01T00:00:00Z"}
    project.write({"name": "printed", "timezone": "Asia/Kolkata", "max_run_count": 9, **times})
    [request] = project.done("apply", "schedules.json", "--dry-run").json
    assert project.done("list", "--output", "json").json == []
    assert request["parent"] == PARENT
    assert "pipelineJobId" not in request["schedule"]["createPipelineJobRequest"]
    assert request["schedule"]["startTime"] == "2030-12-31T18:30:00Z"
    project.apply()
    kept = project.kept("printed")
    assert (kept.max_run_count, kept.max_concurrent_active_run_count) == (9, 1)
    assert f"{kept.start_time:%Y-%m-%dT%H:%M}" == "2030-12-31T18:30"
    labels = dict(kept.create_pipeline_job_request.pipeline_job.labels)
    assert labels["batchpredict-schedule"] == "printed"
    assert labels == request["schedule"]["createPipelineJobRequest"]["pipelineJob"]["labels"]


def test_times_parameters_and_pipeline_are_changed_in_place(
    project: Any, vertex: LocalVertex
) -> None:
    project.write({"name": "moved", "parameters": {"text": "a", "count": 1}})
    project.apply()
    before = project.kept("moved")
    project.pipeline("other", "echo", "changed", steps=["b"])
    change = {"cron": "30 * * * *", "parameters": {"text": "b"}, "allow_queueing": True}
    project.write({"name": "moved", **change})
    seen = project.done("apply", "schedules.json", "--diff").stdout
    assert project.kept("moved").update_time == before.update_time
    lines = [line.strip() for line in seen.splitlines()]
    assert lines[0] == f"moved: would be updated in {PARENT}"
    assert "cron: 0 * * * * -> 30 * * * *" in lines
    assert "parameters.text: a -> b" in lines
    assert "parameters.count: 1 -> unset" in lines
    assert "allow_queueing: false -> true" in lines
    assert "pipeline: nothing -> other" in lines
    assert "pipeline.steps.b: unset -> a step" in lines
    assert 'pipeline.steps.a.container.command: ["true"] -> ["echo", "changed"]' in lines
    assert len(lines) < 14
    [done] = project.apply()
    assert done["outcome"] == "updated"
    [last] = project.apply()
    assert last["outcome"] == "unchanged"
    kept = project.kept("moved")
    assert kept.name == before.name
    assert f"{kept.next_run_time:%M}" == "30"
    vertex.clock.advance(kept.next_run_time - vertex.clock.now())
    assert states_of(vertex, kept.name) == ["SUCCEEDED"]
    [job] = jobs_of(vertex, kept.name)
    assert values(job) == {"text": "b"}
    assert job.labels["batchpredict-pipeline"] == "other"


def test_a_paused_schedule_is_changed_and_stays_paused(project: Any, vertex: LocalVertex) -> None:
    project.write({"name": "still"})
    project.apply()
    assert project.done("pause", "still").stderr == "the schedule still is paused\n"
    assert project.done("pause", "still").stderr == "the schedule still was paused already\n"
    project.write({"name": "still", "cron": "15 * * * *"})
    assert project.done("apply", "schedules.json").stdout.startswith("still: updated (paused)")
    vertex.clock.advance(2 * HOUR)
    assert jobs_of(vertex, project.kept("still").name) == []
    assert "is active\n" in project.done("resume", "still").stderr
    assert "was active already\n" in project.done("resume", "still").stderr
    assert jobs_of(vertex, project.kept("still").name) == []


def test_catching_up_says_how_many_runs_start_and_asks(project: Any, vertex: LocalVertex) -> None:
    project.write({"name": "late", "max_run_count": 3, "max_concurrent_active_run_count": 3})
    project.apply()
    project.done("pause", "late")
    resource = project.kept("late").name

    def missed(schedule: Any) -> None:  # as if it had been paused six hours ago
        schedule.next_run_time = datetime.datetime.now(datetime.UTC) - 6 * HOUR

    vertex.services.pipelines._resources.update(resource, missed)
    nobody = project("resume", "late", "--catch-up")
    assert (nobody.code, "E425" in nobody.stderr) == (2, True)
    assert "late has missed 3 runs" in nobody.stderr
    assert "at most 3 at a time" in nobody.stderr
    refused = project.done("resume", "late", "--catch-up", stdin="n\n")
    assert "nothing was changed" in refused.stderr
    assert project.kept("late").state.name == "PAUSED"
    assert jobs_of(vertex, resource) == []
    project.done("resume", "late", "--catch-up", "--yes")
    assert states_of(vertex, resource) == ["SUCCEEDED"] * 3


def test_show_list_and_next_say_the_same(project: Any, vertex: LocalVertex) -> None:
    project.write(
        {"name": "b-shown", "timezone": "America/New_York", "parameters": {"count": 7}},
        {"name": "a-shown", "cron": "30 6 * * MON-FRI", "allow_queueing": True},
    )
    project.apply()
    kept = project.kept("b-shown")
    vertex.clock.advance(kept.next_run_time - vertex.clock.now())
    assert states_of(vertex, kept.name) == ["SUCCEEDED"]
    rows = project.done("list", "--output", "json").json
    assert [row["name"] for row in rows] == ["a-shown", "b-shown"]
    shown = project.done("show", "b-shown", "--output", "json").json
    assert {key: shown[key] for key in rows[1]} == rows[1]
    assert [run["state"] for run in shown["runs"]] == ["SUCCEEDED"]
    assert (shown["parameters"], shown["last_run"]["response"]) == ({"count": 7}, "OK")
    [plan] = project.done("next", "b-shown", "-n", "2", "--output", "json").json
    assert plan["times"][0]["utc"] == shown["next_run_time"]
    assert plan["timezone"] == "America/New_York"
    people = project.done("show", "a-shown").stdout
    assert "runs: at most 1 at a time (max_concurrent_active_run_count)" in people
    assert "waits its turn (allow_queueing: true)" in people
    assert "starts: at most 1 requests at a time (max_concurrent_run_count)" in people
    table = project.done("list").stdout.splitlines()
    assert [line.split()[0] for line in table] == ["NAME", "a-shown", "b-shown"]
    assert "\x1b" not in "".join(table)


def test_deleting_twice_is_deleting_once(project: Any) -> None:
    project.write({"name": "gone"})
    project.apply()
    nobody = project("delete", "gone")
    assert (nobody.code, "E425" in nobody.stderr) == (2, True)
    assert "nothing was deleted" in project.done("delete", "gone", stdin="n\n").stderr
    resource = project.kept("gone").name
    assert "is deleted" in project.done("delete", resource, "--yes").stderr
    for name in ("gone", resource):
        assert "nothing to delete" in project.done("delete", name, "--yes").stderr
    missing = project("show", "gone")
    assert (missing.code, "E423 there is no schedule 'gone'" in missing.stderr) == (1, True)


def test_two_schedules_of_a_name_are_refused_with_both(project: Any, gapic: Any) -> None:
    project.write({"name": "twin"})
    project.apply()
    first = project.kept("twin")
    copy = type(first)(first, name="")
    second = gapic("schedule", "grpc").create_schedule(parent=PARENT, schedule=copy)
    for verb in (("apply", "schedules.json"), ("pause", "twin"), ("delete", "twin", "--yes")):
        refused = project(*verb)
        assert refused.code == 1
        assert "E422" in refused.stderr
        assert first.name in refused.stderr
        assert second.name in refused.stderr
    project.done("delete", second.name, "--yes")
    assert project.apply()[0]["outcome"] == "unchanged"


def test_a_schedule_that_others_made_is_left_alone(project: Any, gapic: Any) -> None:
    project.write({"name": "foreign"})
    project.apply()
    kept = project.kept("foreign")
    theirs = type(kept)(kept, name="")
    theirs.create_pipeline_job_request.pipeline_job.labels.clear()
    project.done("delete", "foreign", "--yes")
    gapic("schedule", "grpc").create_schedule(parent=PARENT, schedule=theirs)
    refused = project("apply", "schedules.json")
    assert (refused.code, "E422 batchpredict did not make" in refused.stderr) == (1, True)
    # Other tests have left schedules in the services that they share.
    own = project.done("list", "--output", "json").json
    every = project.done("list", "--all", "--output", "json").json
    assert [row["name"] for row in own if row["name"] == "foreign"] == []
    assert [row["name"] for row in every if row["name"] == "foreign"] == ["foreign"]


def test_what_the_service_does_not_change_is_said_before_anything_is(
    project: Any, vertex: LocalVertex
) -> None:
    project.write({"name": "first"}, {"name": "limited", "max_run_count": 1})
    project.apply()
    project.write({"name": "first", "cron": "9 * * * *"}, {"name": "limited"})
    refused = project("apply", "schedules.json")
    assert refused.code == 1
    assert "E424 schedule limited" in refused.stderr
    assert "max_run_count cannot be unset" in refused.stderr
    assert "batchpredict schedule delete limited" in refused.stderr
    assert project.kept("first").cron == "0 * * * *"
    vertex.clock.advance(DAY)
    assert states_of(vertex, project.kept("limited").name) == ["SUCCEEDED"]
    over = project("apply", "schedules.json", "limited")
    assert "it is completed" in over.stderr
    assert "E424" in project("resume", "limited").stderr
    project.done("delete", "limited", "--yes")
    assert [it["outcome"] for it in project.apply()] == ["updated", "created"]


def test_an_answer_that_is_lost_makes_no_second_schedule(
    project: Any, vertex: LocalVertex
) -> None:
    project.write({"name": "lost"})
    with vertex.faults.plan("ScheduleService.CreateSchedule", "lost-reply"):
        [done] = project.apply()
    assert done["outcome"] == "created"
    assert project.kept("lost").name == done["schedule"]["resource"]


def test_an_answer_that_is_lost_leaves_a_change_made_once(
    project: Any, vertex: LocalVertex
) -> None:
    project.write({"name": "shaky"})
    project.apply()
    project.write({"name": "shaky", "cron": "5 * * * *"})
    for method, arguments in {
        "UpdateSchedule": ("apply", "schedules.json"),
        "PauseSchedule": ("pause", "shaky"),
        "ResumeSchedule": ("resume", "shaky"),
        "DeleteSchedule": ("delete", "shaky", "--yes"),
    }.items():
        with vertex.faults.plan(f"ScheduleService.{method}", "lost-reply"):
            done = project.done(*arguments)
        assert "already" not in done.stderr
        if method == "UpdateSchedule":
            assert project.kept("shaky").cron == "5 * * * *"
    assert project.done("list", "--output", "json").json == []


def test_what_the_service_answers_is_one_line_with_its_code(
    project: Any, vertex: LocalVertex
) -> None:
    project.write({"name": "denied"})
    for status, code, exit_code in ((403, "E402", 3), (429, "E404", 1), (400, "E406", 1)):
        with vertex.faults.plan("ScheduleService.CreateSchedule", "status", status=status):
            refused = project("apply", "schedules.json")
        assert refused.code == exit_code
        assert refused.stderr.startswith(f"Error: {code} making the schedule denied: ")
        assert refused.stderr.count("\n") == 1
