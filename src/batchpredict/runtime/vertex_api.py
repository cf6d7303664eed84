"""Small calls to Google's REST APIs from inside a step, with the step's own credentials."""

from typing import Any


def google_session(url: str) -> Any:
    """Open a session for an API of Google with the step's own credentials.

    Args:
        url: An address that it is for. A token goes to Google over TLS only; a server on this
            machine gets none, past every proxy.

    Raises:
        ValueError: E284, the address is another one.
        RuntimeError: E281, there are no credentials.
    """
    import re

    import google.auth
    import google.auth.exceptions
    import requests
    from google.auth.transport.requests import AuthorizedSession

    if re.match(r"https?://(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?(?:/|\Z)", url):
        session = requests.Session()
        session.trust_env = False
        return session
    if not re.match(r"https://(?:[A-Za-z0-9-]+\.)+googleapis\.com(?::\d+)?(?:/|\Z)", url):
        raise ValueError(
            f"E284 {url[:200]!r} is no address of Google, https://….googleapis.com, nor of this "
            "machine; leave out the parameter api and BIGQUERY_EMULATOR_HOST, or correct them"
        )
    try:
        scopes = ["https://www.googleapis.com/auth/cloud-platform"]
        return AuthorizedSession(google.auth.default(scopes=scopes)[0])
    except google.auth.exceptions.GoogleAuthError as error:
        raise RuntimeError(f"E281 there are no credentials for Google: {error}") from None


def google_request(
    verb: str,
    url: str,
    body: "dict[str, Any] | None" = None,
    accepted: tuple[int, ...] = (),
    session: Any = None,
    timeout: tuple[int, int] = (30, 600),
) -> "dict[str, Any]":
    """Send one request to an API of Google and return its JSON reply.

    google-auth and requests are all it needs: the SDK takes seconds to import. A GET that meets
    what may pass, such as 429, 5xx or a broken connection, is tried six times in half a minute.

    Args:
        verb: ``GET``, ``POST`` or ``DELETE``.
        url: Where to, as for ``google_session``.
        body: JSON object to send.
        accepted: Refusals to return, with a member ``error``, instead of raising.
        session: From ``google_session``, for many requests; else one is opened for this one.
        timeout: As for ``send_request``.

    Raises:
        ValueError: E284 as ``google_session``.
        RuntimeError: E252, the service did not answer or refused; the message is its own. E281 as
            ``google_session``.
    """
    import contextlib
    import re
    import time

    asked = f"{verb} {re.sub(r'^https?://[^/]+/(bigquery/)?v[0-9]+/', '', url)}"
    reason = ""
    with contextlib.nullcontext(session) if session else google_session(url) as opened:
        for pause in (0, 1, 2, 4, 8, 16) if verb == "GET" else (0,):
            time.sleep(pause)
            status, content, reason = send_request(opened, verb, url, body, timeout)
            if content is not None and status < 300:
                return content
            if content is not None and status in accepted:
                return {"error": {}, **content}
            strange = content is None and status not in (401, 403)  # some proxy's page
            if not (strange or may_pass(status, content)):
                break
    raise RuntimeError(f"E252 {asked[:300]} {reason[:1000]}")


def send_request(
    session: Any,
    verb: str,
    url: str,
    body: "dict[str, Any] | None",
    timeout: tuple[int, int] = (30, 600),
) -> "tuple[int, dict[str, Any] | None, str]":
    """Send a request once; a redirection is not followed, which would carry the token elsewhere.

    Args:
        session: From ``google_session``.
        verb: As for ``google_request``, like ``url`` and ``body``.
        url: Where to.
        body: JSON object to send.
        timeout: Seconds to connect, and to wait for a part of the reply.

    Returns:
        The status, 0 for none; the JSON object of the reply, None when it has none; and what the
        service said, for a message.
    """
    import json

    import google.auth.exceptions
    import requests

    try:
        options = {"json": body, "timeout": timeout, "allow_redirects": False, "stream": True}
        reply = session.request(verb, url, **options)
        text = body_within(reply, 2 * timeout[1])
    except google.auth.exceptions.RefreshError as error:
        return 401, None, f"was not answered: {error}"
    except (requests.RequestException, google.auth.exceptions.GoogleAuthError) as error:
        return 0, None, f"was not answered: {type(error).__name__}: {error}"
    status = int(reply.status_code)
    try:
        content = {} if verb == "DELETE" and not text else json.loads(text)
        told = content.get("error", {})
    except (ValueError, AttributeError):
        return (
            status,
            None,
            f"answered {status} without JSON: {text[:200].decode(errors='replace')!r}",
        )
    message = told.get("message", told) if isinstance(told, dict) else told
    return status, content, f"answered {status}: {message}"


def body_within(reply: Any, seconds: float) -> bytes:
    """Return the body of a reply; one that comes in drips for too long is none.

    A piece is handed over when it is full, so the first ones are single bytes.

    Raises:
        requests.ReadTimeout: It took longer than ``seconds``.
    """
    import time

    import requests

    end = time.perf_counter() + seconds
    body = bytearray()
    pieces = reply.iter_content(1)
    while piece := next(pieces, b""):
        body += piece
        if len(body) == 4096:
            pieces = reply.iter_content(1 << 16)
        if time.perf_counter() > end:
            raise requests.ReadTimeout(f"the reply took longer than {seconds:.0f} s")
    return bytes(body)


def may_pass(status: int, content: "dict[str, Any] | None") -> bool:
    """Say whether a request that was refused, or not answered whole, is worth another try."""
    error = (content or {}).get("error")
    details = error.get("errors") if isinstance(error, dict) else None
    reasons = [item.get("reason") for item in details or [] if isinstance(item, dict)]
    return status < 300 or status == 429 or status >= 500 or "rateLimitExceeded" in reasons


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
