"""Schedules of uploaded pipelines: they name the version that the tag meant."""

from typing import Any

from verbs import LOCAL, Verbs

REPOSITORY = "https://us-central1-kfp.pkg.dev/local-project/schedules"


def test_a_schedule_keeps_its_version_until_it_is_applied_again(project: Any, verb: Verbs) -> None:
    def upload() -> str:
        arguments = ("nothing.yaml", "--repository", REPOSITORY, "--tag", "live")
        result = verb("upload", *arguments, cwd=project.folder, env=LOCAL)
        assert result.code == 0, result
        return result.stdout.strip()

    def kept() -> Any:
        return project.kept("uploaded").create_pipeline_job_request.pipeline_job

    first = upload()
    project.write({"name": "uploaded", "pipeline": f"{REPOSITORY}/nothing/live"})
    assert [it["outcome"] for it in project.apply()] == ["created"]
    assert kept().template_uri == first
    project.pipeline(steps=("b",))
    second = upload()
    assert second != first
    assert kept().template_uri == first
    [changed] = project.apply()
    assert (changed["outcome"], kept().template_uri) == ("updated", second)
    assert len(kept().pipeline_spec["root"]["dag"]["tasks"]) == 2
    assert [it["outcome"] for it in project.apply()] == ["unchanged"]
