"""The project and the bucket: whether the APIs are enabled, and where the bucket lies."""

from collections.abc import Iterator

from batchpredict.doctoring.checks import FAIL, OK, SKIP, WARN, Check, Finding, Subject

NEEDED = {
    "aiplatform.googleapis.com": "everything on Vertex AI",
    "storage.googleapis.com": "the outputs of runs",
}
WANTED = {
    "bigquery.googleapis.com": "tables in BigQuery",
    "artifactregistry.googleapis.com": "`upload`, and images of your own",
    "secretmanager.googleapis.com": "the webhook of `notify`",
    "cloudresourcemanager.googleapis.com": "the check of permissions here",
}


def check_apis(subject: Subject) -> Iterator[Finding]:
    """Ask which APIs are enabled."""
    project = subject.settings.project
    names = {**NEEDED, **WANTED}
    query = "&".join(f"names=projects/{project}/services/{name}" for name in names)
    reply = subject.cloud.ask("serviceusage", f"v1/projects/{project}/services:batchGet?{query}")
    states = {
        str(it.get("name", "")).rpartition("/")[2]: it.get("state")
        for it in reply.get("services", [])
    }
    enabled = [name for name in names if states.get(name) == "ENABLED"]
    for name, purpose in names.items():
        if name not in enabled:
            yield _absent(name, purpose, states.get(name), project)
    if len(enabled) == len(names):
        yield Finding(OK, f"the {len(names)} APIs are enabled in {project}")


def _absent(name: str, purpose: str, state: object, project: str) -> Finding:
    if state not in ("DISABLED", "STATE_UNSPECIFIED"):
        return Finding(SKIP, f"{project} does not tell whether {name} is enabled")
    status = FAIL if name in NEEDED else WARN
    todo = f"gcloud services enable {name} --project {project}"
    return Finding(status, f"{name} is not enabled; it is for {purpose}", todo)


def bucket_of(uri: str) -> str:
    """Return the bucket of a ``gs://`` URI.

    Raises:
        ValueError: It is no such URI.
    """
    bucket = uri.removeprefix("gs://").partition("/")[0]
    if not uri.startswith("gs://") or not bucket:
        raise ValueError(f"pipeline_root {uri!r} is not gs://BUCKET/…")
    return bucket


def check_bucket(subject: Subject) -> Iterator[Finding]:
    """Compare where the bucket of the runs lies with where they run."""
    bucket, region = bucket_of(subject.settings.pipeline_root), subject.settings.location
    reply = subject.cloud.ask("storage", f"storage/v1/b/{bucket}?fields=location,locationType")
    place = str(reply.get("location", "")).lower()
    if not place:
        yield Finding(SKIP, f"where bucket {bucket} lies is not told")
    elif place == region:
        yield Finding(OK, f"bucket {bucket} lies in {region}, as the runs do")
    elif str(reply.get("locationType", "")) in ("multi-region", "dual-region"):
        what = f"bucket {bucket} is in {place}, the runs in {region}; some models refuse it"
        yield Finding(WARN, what, f"use a bucket in {region}")
    else:
        what = f"bucket {bucket} is in {place}, the runs in {region}"
        yield Finding(FAIL, what, f"use a bucket in {region}")


CHECKS = (
    Check("APIs", check_apis, online=True, needs=("project",)),
    Check("bucket", check_bucket, online=True, needs=("pipeline_root", "location")),
)
