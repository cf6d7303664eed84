"""Who must be allowed what, and whether the caller is.

Google tells an identity only what it may do itself. What the steps' account and the service agent
may do is listed, and said not to have been checked.
"""

from collections.abc import Iterator, Sequence

from batchpredict.doctoring.checks import FAIL, OK, SKIP, Check, Finding, Subject
from batchpredict.doctoring.project import bucket_of

PROJECT_PERMISSIONS = (
    "aiplatform.pipelineJobs.create",
    "aiplatform.pipelineJobs.get",
    "aiplatform.pipelineJobs.list",
    "aiplatform.pipelineJobs.cancel",
    "aiplatform.schedules.create",
    "aiplatform.schedules.get",
    "aiplatform.schedules.list",
    "aiplatform.schedules.update",
    "aiplatform.schedules.delete",
    "aiplatform.batchPredictionJobs.list",
    "aiplatform.batchPredictionJobs.cancel",
)
BUCKET_PERMISSIONS = ("storage.objects.get", "storage.objects.list", "storage.objects.create")
ACT_AS = "iam.serviceAccounts.actAs"
OTHERS = (
    (
        "the account of the steps, {account}",
        "roles/aiplatform.user on the project; roles/storage.objectUser on the bucket and on the "
        "inputs; roles/iam.serviceAccountUser on the accounts of its jobs",
    ),
    (
        "Vertex AI's service agent, service-NUMBER@gcp-sa-aiplatform.iam.gserviceaccount.com, "
        "which reads the input of a batch prediction and writes its output",
        "roles/storage.objectUser and roles/storage.legacyBucketReader on the buckets; for "
        "BigQuery roles/bigquery.dataEditor on the dataset and roles/bigquery.jobUser",
    ),
)
"""Who else needs what. Source: https://cloud.google.com/vertex-ai/docs/general/access-control"""


def check_project(subject: Subject) -> Iterator[Finding]:
    """Ask what the caller may do in the project."""
    project = subject.settings.project
    reply = subject.cloud.ask(
        "cloudresourcemanager",
        f"v1/projects/{project}:testIamPermissions",
        {"permissions": list(PROJECT_PERMISSIONS)},
    )
    todo = f"ask for roles/aiplatform.user on {project}"
    yield _verdict(f"project {project}", PROJECT_PERMISSIONS, reply.get("permissions", []), todo)


def check_bucket(subject: Subject) -> Iterator[Finding]:
    """Ask what the caller may do in the bucket of the runs."""
    bucket = bucket_of(subject.settings.pipeline_root)
    query = "&".join(f"permissions={name}" for name in BUCKET_PERMISSIONS)
    reply = subject.cloud.ask("storage", f"storage/v1/b/{bucket}/iam/testPermissions?{query}")
    todo = f"ask for roles/storage.objectUser on gs://{bucket}"
    yield _verdict(f"bucket {bucket}", BUCKET_PERMISSIONS, reply.get("permissions", []), todo)


def check_act_as(subject: Subject) -> Iterator[Finding]:
    """Ask whether the caller may let steps act as their account."""
    account = subject.settings.service_account
    path = f"v1/projects/-/serviceAccounts/{account}:testIamPermissions"
    reply = subject.cloud.ask("iam", path, {"permissions": [ACT_AS]})
    todo = f"ask for roles/iam.serviceAccountUser on {account}"
    yield _verdict(f"account {account}", (ACT_AS,), reply.get("permissions", []), todo)


def _verdict(where: str, needed: Sequence[str], granted: Sequence[str], todo: str) -> Finding:
    missing = [name for name in needed if name not in granted]
    if missing:
        return Finding(FAIL, f"the caller lacks {', '.join(missing)} on {where}", todo)
    return Finding(OK, f"the caller has the {len(needed)} permissions on {where} that verbs need")


def list_others(subject: Subject) -> Iterator[Finding]:
    """Say what others need: that cannot be asked by the caller."""
    account = subject.settings.service_account or "the default account of Compute Engine"
    for who, what in OTHERS:
        name = who.format(account=account)
        yield Finding(SKIP, f"{name}: nobody else can be asked about", f"see that it has {what}")


CHECKS = (
    Check("permissions on the project", check_project, online=True, needs=("project",)),
    Check("permissions on the bucket", check_bucket, online=True, needs=("pipeline_root",)),
    Check("permission to act", check_act_as, online=True, needs=("service_account",)),
    Check("permissions of others", list_others),
)
