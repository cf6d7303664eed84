"""Small calls to Google's REST APIs from inside a step, with the step's own credentials."""

from typing import Any


def google_request(
    verb: str, url: str, body: "dict[str, Any] | None" = None, accepted: tuple[int, ...] = ()
) -> "dict[str, Any]":
    """Send one request to an API of Google and return its JSON reply.

    google-auth and requests are all it needs: the SDK takes seconds to import.

    Args:
        verb: ``GET``, ``POST`` or ``DELETE``.
        url: Where to; over TLS with a token, to an emulator on this machine without.
        body: JSON object to send.
        accepted: Refusals to return, with their member ``error``, instead of raising.

    Raises:
        RuntimeError: E252, the service did not answer or refused; the message is its own.
    """
    import re

    import google.auth
    import google.auth.exceptions
    import requests
    from google.auth.transport.requests import AuthorizedSession

    asked = f"{verb} {re.sub(r'^https?://[^/]+/(bigquery/)?v[0-9]+/', '', url)}"
    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    secure = url.startswith("https://")
    try:
        credentials = google.auth.default(scopes=scopes)[0] if secure else None
        with AuthorizedSession(credentials) if secure else requests.Session() as session:
            reply = session.request(verb, url, json=body, timeout=600)
    except (requests.RequestException, google.auth.exceptions.GoogleAuthError) as error:
        raise RuntimeError(f"E252 {asked} was not answered: {error}") from None
    if reply.status_code < 300 and not reply.content:
        return {}
    try:
        content = dict(reply.json())
    except ValueError:
        raise RuntimeError(
            f"E252 {asked} answered {reply.status_code} without JSON: {reply.text[:200]!r}"
        ) from None
    if reply.status_code >= 300 and reply.status_code not in accepted:
        told = content.get("error", {})
        raise RuntimeError(
            f"E252 {asked} answered {reply.status_code}: {told.get('message', told)}"
        )
    return content


def vertex_request(
    location: str, verb: str, path: str, body: "dict[str, Any] | None" = None
) -> "dict[str, Any]":
    """Send one request to the Vertex AI API of ``location`` and return its JSON reply.

    The region becomes part of a host name that receives a token, so nothing but a region is
    accepted.

    Args:
        location: Region, such as ``europe-west4``.
        verb: ``GET`` or ``POST``.
        path: What follows ``/v1/``; may hold a query.
        body: JSON object to send.

    Raises:
        ValueError: ``location`` is not a region.
        RuntimeError: The service refused; the message is its own.
    """
    import re

    if not re.fullmatch(r"[a-z]+-[a-z]+[0-9]{1,2}", location):
        raise ValueError(f"E251 {location!r} is not a region such as us-central1")
    return google_request(verb, f"https://{location}-aiplatform.googleapis.com/v1/{path}", body)


def check_display_name(name: str) -> None:
    """Refuse a display name that Google's components would put unescaped into their JSON.

    Raises:
        ValueError: The name is empty, longer than 128 characters, or holds another character than
            letters, digits, space and ``. _ - ( )``.
    """
    import re

    if not re.fullmatch(r"[\w .()-]{1,128}", name):
        raise ValueError(
            f"E253 the display name {name!r} must be 1 to 128 letters, digits, spaces or any of "
            "._-()"
        )


def find_model(project: str, location: str, display_name: str) -> str:
    """Return the resource name of the newest model of this display name, or "".

    Raises:
        RuntimeError: The service refused.
    """
    from urllib.parse import quote

    term = quote(f'display_name="{display_name}"')
    parent = f"projects/{project}/locations/{location}"
    reply = vertex_request(location, "GET", f"{parent}/models?filter={term}")
    models = sorted(reply.get("models", []), key=lambda model: str(model.get("createTime", "")))
    return str(models[-1]["name"]).partition("@")[0] if models else ""


def endpoint_id(display_name: str) -> str:
    """Return the identifier that an endpoint of this display name gets.

    It is the caller's, not the service's, so that a repeated step finds the endpoint that the
    first attempt made.
    """
    import hashlib
    import re

    words = re.sub(r"[^a-z0-9]+", "-", display_name.lower()).strip("-")[:40] or "endpoint"
    digest = hashlib.sha256(display_name.encode()).hexdigest()[:8]
    return f"{'' if words[0].isalpha() else 'e-'}{words}-{digest}"


def get_or_create_endpoint(project: str, location: str, display_name: str) -> str:
    """Return the resource name of the endpoint of this display name, made if there is none.

    Raises:
        RuntimeError: The service refused, or creating it took more than ten minutes.
    """
    from urllib.parse import quote

    parent = f"projects/{project}/locations/{location}"
    term = quote(f'display_name="{display_name}"')
    found = vertex_request(location, "GET", f"{parent}/endpoints?filter={term}")
    names = [str(endpoint["name"]) for endpoint in found.get("endpoints", [])]
    if names:
        return min(names)
    name = endpoint_id(display_name)
    operation = vertex_request(
        location, "POST", f"{parent}/endpoints?endpointId={name}", {"displayName": display_name}
    )
    return str(wait_for(location, operation)["name"])


def wait_for(location: str, operation: "dict[str, Any]") -> "dict[str, Any]":
    """Return the response of a long-running operation once it is done.

    Raises:
        RuntimeError: The operation failed, or was not done after ten minutes.
    """
    import time

    deadline = time.monotonic() + 600
    while not operation.get("done"):
        if time.monotonic() > deadline:
            raise RuntimeError(f"E254 {operation['name']} was not done after 600 s")
        time.sleep(5)
        operation = vertex_request(location, "GET", str(operation["name"]))
    error = operation.get("error")
    if isinstance(error, dict):
        raise RuntimeError(f"E252 {operation['name']} failed: {error.get('message', error)}")
    return dict(operation["response"])
