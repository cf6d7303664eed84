"""The credentials of this machine: whose they are and whether they work. They are never shown."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from batchpredict.doctoring.checks import FAIL, OK, SKIP, WARN, Check, Finding, Subject

LOG_IN = "gcloud auth application-default login"
VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
KINDS = {
    "authorized_user": "a person's login",
    "service_account": "a key of a service account",
    "impersonated_service_account": "a service account that a login stands in for",
    "external_account": "an identity of another provider",
    "external_account_authorized_user": "a person's login at another provider",
}


def credentials_file() -> Path | None:
    """Return the file that Google's clients would read; None when there is none."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    folder = os.environ.get("CLOUDSDK_CONFIG") or Path.home() / ".config" / "gcloud"
    path = Path(folder) / "application_default_credentials.json"
    return path if path.exists() else None


def check_file(subject: Subject) -> Iterator[Finding]:  # noqa: ARG001
    """Look at the file of credentials, and at nothing but its kind and whose it is."""
    path = credentials_file()
    if path is None:
        yield Finding(
            SKIP, "there is no file of credentials; a machine on Google Cloud needs none"
        )
        return
    try:
        content = json.loads(path.read_text())
        kind = str(content["type"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        reason = type(error).__name__
        yield Finding(FAIL, f"{path} cannot be read as credentials: {reason}", LOG_IN)
        return
    whose = str(content.get("client_email", ""))
    yield Finding(OK, f"{path} holds {KINDS.get(kind, kind)}{f': {whose}' if whose else ''}")


def check_token(subject: Subject) -> Iterator[Finding]:
    """Ask Google for a token: what is expired or withdrawn shows only there."""
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request

    try:
        found = subject.cloud.credentials()
        found.refresh(Request())
    except GoogleAuthError as error:
        reason = " ".join(str(error).split())[:300]
        yield Finding(FAIL, f"there are no valid credentials: {reason}", LOG_IN)
        return
    whose = account(found)
    yield Finding(OK, f"Google takes the credentials{f' of {whose}' if whose else ''}")


def account(found: Any) -> str:
    """Return the e-mail address of credentials, "" where they do not tell."""
    for name in ("service_account_email", "account"):
        text = str(getattr(found, name, "") or "")
        if "@" in text:
            return text
    return ""


def check_quota_project(subject: Subject) -> Iterator[Finding]:
    """Look whose quota the calls of a person's login count against."""
    found = subject.cloud.credentials()
    project, quota = subject.settings.project, getattr(found, "quota_project_id", None)
    todo = f"gcloud auth application-default set-quota-project {project or 'PROJECT'}"
    if getattr(found, "service_account_email", ""):
        yield Finding(OK, "a service account's calls count against its own project")
    elif not quota:
        yield Finding(WARN, "the credentials name no quota project; some APIs refuse them", todo)
    elif project and quota != project:
        yield Finding(WARN, f"calls count against {quota}, the runs are in {project}", todo)
    else:
        yield Finding(OK, f"calls count against {quota}")


CHECKS = (
    Check("credentials file", check_file),
    Check("credentials", check_token, online=True),
    Check("quota project", check_quota_project, online=True),
)
