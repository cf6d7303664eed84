"""The pages of the Google Cloud console, all in one place."""

from urllib.parse import quote

CONSOLE = "https://console.cloud.google.com/vertex-ai"
STORAGE = "https://console.cloud.google.com/storage/browser"
JOBS = {
    "batchPredictionJobs": "{base}/locations/{location}/batch-predictions/{id}?project={project}",
    "customJobs": "{base}/locations/{location}/training/{id}?project={project}",
    "hyperparameterTuningJobs": (
        "{base}/locations/{location}/training/hyperparameter/{id}?project={project}"
    ),
    "trainingPipelines": "{base}/locations/{location}/training/{id}?project={project}",
}


def run_link(name: str) -> str:
    """Return the page of a pipeline run.

    Args:
        name: Its resource name.
    """
    project, location, _, run = _parts(name)
    return f"{CONSOLE}/locations/{location}/pipelines/runs/{run}?project={project}"


def schedule_link(name: str) -> str:
    """Return the page of a schedule.

    Args:
        name: Its resource name.
    """
    project, location, _, schedule = _parts(name)
    return f"{CONSOLE}/locations/{location}/pipelines/schedules/{schedule}?project={project}"


def job_link(name: str) -> str:
    """Return the page of a job, "" for a resource that has none.

    Args:
        name: Its resource name.
    """
    project, location, kind, job = _parts(name)
    form = JOBS.get(kind, "")
    return form.format(base=CONSOLE, project=project, location=location, id=job)


def storage_link(uri: str) -> str:
    """Return the page of a file or folder in Cloud Storage, "" for any other place.

    Args:
        uri: Its address, such as ``gs://bucket/folder/file.csv``.
    """
    if not uri.startswith("gs://"):
        return ""
    place = quote(uri.removeprefix("gs://").rstrip("/"))
    details = "_details/" if "." in place.rpartition("/")[2] and "/" in place else ""
    return f"{STORAGE}/{details}{place}"


def _parts(name: str) -> tuple[str, str, str, str]:
    """Return project, location, kind and id of a resource name."""
    _, project, _, location, kind, rest = name.split("/", 5)
    return project, location, kind, rest
