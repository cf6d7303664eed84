"""The calls that a step makes for its batch prediction job, with its own credentials."""

from typing import Any

from batchpredict.runtime.request.kinds import project_pattern
from batchpredict.runtime.request.submitting import submission_label
from batchpredict.runtime.vertex_api import google_request, google_session, send_request


def job_calls(parent: str, version: str, folder: str) -> "dict[str, Any]":
    """Return what is asked of the service, by name.

    ``create(body)`` gives status, reply and what the service said; ``get(name)``, ``cancel(name)``
    and ``list(key)`` are by name and by label; ``read(note)`` and ``write(note, content,
    previous)`` keep notes in ``folder``; ``sleep(seconds)`` and ``now()`` are the clock.

    Args:
        parent: ``projects/P/locations/L``.
        version: ``v1`` or ``v1beta1``.
        folder: ``gs://…`` beside the step's outputs, the same in every attempt of the step.

    Raises:
        ValueError: E251, the location is not a region; E138, the folder is not in Cloud Storage.
    """
    import time

    address = jobs_address(parent, version)
    return {
        "create": lambda body: create_once(f"{address}/{parent}/batchPredictionJobs", body),
        "get": lambda name: small_request("GET", f"{address}/{name}"),
        "cancel": lambda name: cancel_job(address, name),
        "list": lambda key: labelled_jobs(address, parent, key),
        "read": lambda note: read_note(folder, note),
        "write": lambda note, content, previous: write_note(folder, note, content, previous),
        "sleep": time.sleep,
        "now": time.time,
    }


def small_request(
    verb: str, url: str, body: "dict[str, Any] | None" = None, accepted: tuple[int, ...] = ()
) -> "dict[str, Any]":
    """Send a request whose reply is small, as ``google_request`` does; a minute is enough."""
    return google_request(verb, url, body, accepted, timeout=(10, 50))


def jobs_address(parent: str, version: str) -> str:
    """Return the address of the API in the region of ``parent``.

    The region becomes part of a host name that receives a token: nothing but a region is taken.

    Raises:
        ValueError: E251.
    """
    import re

    place = rf"projects/{project_pattern()}/locations/(?P<region>[a-z]+-[a-z]+[0-9]{{1,2}})"
    match = re.fullmatch(place, parent)
    if match is None:
        raise ValueError(f"E251 {parent!r} is not projects/PROJECT/locations/REGION")
    return f"https://{match['region']}-aiplatform.googleapis.com/{version}"


def create_once(url: str, body: "dict[str, Any]") -> "tuple[int, dict[str, Any], str]":
    """Ask for a job once; a minute is all that the request may take.

    Returns:
        The status, 0 when there was no reply; the reply; what the service said.
    """
    with google_session(url) as session:
        status, content, told = send_request(session, "POST", url, body, (10, 50))
    return (0 if content is None else status), content or {}, told


def cancel_job(address: str, name: str) -> None:
    """Cancel a job, in several tries if need be; one that has ended already is what is wanted.

    Raises:
        RuntimeError: E252, the service did not take it in half a minute.
    """
    import time

    told = RuntimeError()
    for pause in (0, 1, 2, 4, 8, 16):
        time.sleep(pause)
        try:
            reply = small_request("POST", f"{address}/{name}:cancel", {}, accepted=(400, 404))
        except RuntimeError as error:
            told = error
            continue
        if reply.get("error"):
            state = small_request("GET", f"{address}/{name}", accepted=(404,)).get("state", "gone")
            print(f"{name} could not be cancelled: it is {state}")
        return
    raise told


def labelled_jobs(address: str, parent: str, key: str) -> "list[dict[str, Any]]":
    """Return the jobs with this key as their label, page by page."""
    from urllib.parse import quote

    term = quote(f'labels.{submission_label()}="{key}"')
    url = f"{address}/{parent}/batchPredictionJobs?pageSize=100&filter={term}"
    jobs: list[dict[str, Any]] = []
    token = ""
    while True:
        page = small_request("GET", f"{url}&pageToken={quote(token, safe='')}" if token else url)
        jobs += page.get("batchPredictionJobs", [])
        token = str(page.get("nextPageToken", ""))
        if not token:
            return jobs


def note_address(folder: str, note: str) -> tuple[str, str]:
    """Return the bucket and the quoted object of a note.

    Raises:
        ValueError: E138, the folder is not in Cloud Storage.
    """
    from urllib.parse import quote

    bucket, _, path = folder.removeprefix("gs://").rstrip("/").partition("/")
    if not folder.startswith("gs://") or not path:
        raise ValueError(
            f"E138 {folder!r} is not gs://BUCKET/FOLDER; the run needs a pipeline root"
        )
    return quote(bucket, safe=""), quote(f"{path}/{note}.json", safe="")


def read_note(folder: str, note: str) -> "dict[str, Any] | None":
    """Return a note with its generation, or None when it was never written."""
    bucket, name = note_address(folder, note)
    url = f"https://storage.googleapis.com/storage/v1/b/{bucket}/o/{name}"
    found = small_request("GET", url, accepted=(404,))
    if "generation" not in found:
        return None
    generation = str(found["generation"])
    content = small_request("GET", f"{url}?alt=media&generation={generation}", accepted=(404,))
    if "error" in content:  # replaced in between
        return read_note(folder, note)
    return {**content, "generation": generation}


def write_note(
    folder: str, note: str, content: "dict[str, Any]", previous: "dict[str, Any] | None"
) -> bool:
    """Write a note if it still is as it was read; return whether it holds ``content`` now.

    Cloud Storage writes an object whole or not at all, and the precondition lets one of several
    writers win.

    Args:
        folder: Where the notes are.
        note: Its name.
        content: What it is to hold.
        previous: What was read, or None when there was none.
    """
    import time

    bucket, name = note_address(folder, note)
    match = previous["generation"] if previous else 0
    url = (
        f"https://storage.googleapis.com/upload/storage/v1/b/{bucket}/o?uploadType=media"
        f"&name={name}&ifGenerationMatch={match}"
    )
    for pause in (0, 1, 2, 4, 8, 16):
        time.sleep(pause)
        with google_session(url) as session:
            status, _, told = send_request(session, "POST", url, content)
        if status < 300 and status:
            return True
        if status == 412 or status == 0 or status >= 500:
            written = read_note(folder, note)  # our own try may have worked without a reply
            if written and {**written, "generation": ""} == {**content, "generation": ""}:
                return True
        if status == 412:
            return False
        if 0 < status < 500 and status != 429:
            break
    raise RuntimeError(f"E252 {note}.json cannot be written to {folder}: {told[:500]}")


def job_in_resources(gcp_resources: str) -> tuple[str, str, str]:
    """Return parent, version of the API and name of the job that ``gcp_resources`` names.

    Raises:
        ValueError: E138, it names no batch prediction job.
    """
    import json
    import re

    try:
        found = [str(item["resourceUri"]) for item in json.loads(gcp_resources)["resources"]]
    except (ValueError, TypeError, KeyError):
        found = []
    place = rf"projects/{project_pattern()}/locations/[a-z]+-[a-z]+[0-9]{{1,2}}"
    job = rf"(?P<job>(?P<parent>{place})/batchPredictionJobs/\d+)"
    pattern = rf"https://[a-z0-9-]+\.googleapis\.com/(?P<version>v1|v1beta1)/{job}"
    match = re.fullmatch(pattern, found[0]) if len(found) == 1 else None
    if match is None:
        raise ValueError(
            f"E138 gcp_resources names no batch prediction job: {gcp_resources[:200]!r}; give "
            "that of run_batch_prediction_job"
        )
    return match["parent"], match["version"], match["job"]


def job_to_wait_for(gcp_resources: str, step_label: str, parent: str) -> tuple[str, str, str]:
    """Return parent, version of the API and name of a job, by its resource or by its label.

    Args:
        gcp_resources: As Google's launchers write it, or "".
        step_label: Value of the label that the job got, or "". Of several the newest is taken.
        parent: ``projects/P/locations/L`` of a job that is found by its label.

    Raises:
        ValueError: E138, neither or both are given, or they name no job.
    """
    if bool(gcp_resources) == bool(step_label):
        raise ValueError("E138 no job was started, or two are named; see the step before this one")
    if gcp_resources:
        return job_in_resources(gcp_resources)
    found = labelled_jobs(jobs_address(parent, "v1"), parent, step_label)
    if not found:
        raise ValueError(f"E138 no job bears the label {submission_label()}={step_label}")
    newest = max(found, key=lambda job: (str(job.get("createTime", "")), str(job["name"])))
    return parent, "v1", str(newest["name"])
