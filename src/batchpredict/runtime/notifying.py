"""Tell people how a run ended: one message to a webhook, whatever the run said."""

from typing import Any

from batchpredict.runtime.vertex_api import google_request, vertex_request


def is_wanted(on: str, state: str) -> bool:
    """Say whether a run that ended in ``state`` is to be told of.

    Args:
        on: ``failure`` or ``always``.
        state: The state of the final status, such as ``SUCCEEDED``.

    Raises:
        ValueError: E480, ``on`` is something else.
    """
    if on not in ("failure", "always"):
        raise ValueError(f"E480 on is {on!r}; give failure or always")
    return on == "always" or state != "SUCCEEDED"


def run_page(run: str) -> str:
    """Return the page of a pipeline run in the Google Cloud console."""
    import re

    found = re.fullmatch(r"projects/([^/]+)/locations/([^/]+)/pipelineJobs/([^/]+)", run)
    if not found:
        return ""
    project, location, name = found.groups()
    path = f"locations/{location}/pipelines/runs/{name}?project={project}"
    return f"https://console.cloud.google.com/vertex-ai/{path}"


def plain_text(text: Any, longest: int) -> str:
    """Return a text without control characters, cut where it is too long."""
    kept = "".join(char if char.isprintable() or char == "\n" else " " for char in str(text))
    return kept if len(kept) <= longest else kept[: longest - 1] + "…"


def failed_steps(job: "dict[str, Any]") -> "list[dict[str, str]]":
    """Return the steps of a run that failed, each with its message.

    A loop or a group fails because of a step in it, which is the one to name.
    """
    details = (job.get("jobDetail") or {}).get("taskDetails") or []
    failed = [detail for detail in details if detail.get("state") == "FAILED"]
    groups = {detail.get("parentTaskId") for detail in failed}
    return [
        {
            "step": plain_text(detail.get("taskName", ""), 200),
            "message": plain_text((detail.get("error") or {}).get("message", ""), 1000),
        }
        for detail in failed
        if detail.get("taskId") not in groups
    ]


def look_up_failures(run: str) -> "list[dict[str, str]]":
    """Ask the service which steps of a run failed; nothing when it cannot be asked."""
    try:
        return failed_steps(vertex_request(run.split("/")[3], "GET", run))
    except (LookupError, RuntimeError, ValueError) as error:
        print(f"the steps of the run could not be looked up: {error}")
        return []


def end_of_run(status: "dict[str, Any]", title: str) -> "dict[str, Any]":
    """Return what is told of a run.

    Args:
        status: The fields of ``dsl.PipelineTaskFinalStatus``.
        title: What to call it; the name of the run when empty.
    """
    run, state = str(status["pipeline_job_resource_name"]), str(status["state"])
    failures = [] if state == "SUCCEEDED" else look_up_failures(run)
    if state != "SUCCEEDED" and not failures:
        step = plain_text(status.get("pipeline_task_name", ""), 200)
        message = plain_text(status.get("error_message") or "no message was given", 1000)
        failures = [{"step": step, "message": message}]
    name = run.rpartition("/")[2]
    return {
        "title": plain_text(title or name, 200),
        "state": plain_text(state, 40),
        "run": plain_text(run, 500),
        "link": run_page(run),
        "failed_steps": failures[:5],
        "failed_steps_total": len(failures),
    }


def chat_text(note: "dict[str, Any]") -> str:
    """Return a note as lines for people."""
    lines = [f"{note['title']}: {note['state']}"]
    lines += [f"{item['step']}: {item['message']}" for item in note["failed_steps"]]
    more = note["failed_steps_total"] - len(note["failed_steps"])
    lines += [f"and {more} more failed steps"] if more else []
    return "\n".join([*lines, note["link"] or note["run"]])


def webhook_body(form: str, url: str, note: "dict[str, Any]") -> bytes:
    """Return the JSON that a webhook gets.

    In Slack and Google Chat angle brackets make links and call people (``<!channel>``,
    ``<users/all>``): what a step said must not.

    Args:
        form: ``slack``, ``google_chat``, ``json``, or ``auto``: by the host of the address.
        url: The address of the webhook.
        note: From ``end_of_run``.

    Raises:
        ValueError: E480, there is no such form.
    """
    import json
    from urllib.parse import urlsplit

    hosts = {"hooks.slack.com": "slack", "chat.googleapis.com": "google_chat"}
    kind = hosts.get(urlsplit(url).hostname or "", "json") if form == "auto" else form
    text = chat_text(note)
    if kind == "slack":
        safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        content = {"text": safe}
    elif kind == "google_chat":
        content = {"text": text.replace("<", "\u2039").replace(">", "\u203a")}
    elif kind == "json":
        content = {**note, "text": text}
    else:
        raise ValueError(f"E480 form is {form!r}; give auto, slack, google_chat or json")
    return json.dumps(content).encode()


def webhook_url(webhook: str) -> str:
    """Return the address of a webhook, from Secret Manager where its name is given.

    Raises:
        RuntimeError: E481, the secret cannot be read, or holds no address; the message does not
            repeat it.
    """
    import base64
    import re

    url = webhook.strip()
    if re.fullmatch(r"projects/[\w.:-]+/secrets/[\w-]+(/versions/\w+)?", url):
        name = url if "/versions/" in url else f"{url}/versions/latest"
        try:
            reply = google_request("GET", f"https://secretmanager.googleapis.com/v1/{name}:access")
            url = base64.b64decode(reply["payload"]["data"]).decode().strip()
        except (LookupError, TypeError, ValueError, RuntimeError) as error:
            raise RuntimeError(f"E481 {name} cannot be read: {error}") from None
    if not re.fullmatch(r"https://[\w.-]+(:\d+)?(/[!-~]*)?|http://127\.0\.0\.1:\d+/[!-~]*", url):
        raise RuntimeError(
            "E481 the webhook is neither an https:// address nor the name of a secret, "
            "projects/P/secrets/S, that holds one"
        )
    return url


def post_once(url: str, body: bytes, seconds: float) -> "tuple[bool, str]":
    """Post JSON; return whether another try may help, and what went wrong ("" for nothing).

    A redirection is refused: the message is for the host that was named.
    """
    import http.client
    import re
    from urllib.error import HTTPError, URLError
    from urllib.request import HTTPRedirectHandler, Request, build_opener

    stay = type("Stay", (HTTPRedirectHandler,), {"redirect_request": lambda *_: None})
    kind = {"Content-Type": "application/json; charset=utf-8"}
    request = Request(url, body, kind, method="POST")
    try:
        with build_opener(stay).open(request, timeout=seconds):
            return False, ""
    except HTTPError as error:
        with error:
            told = error.read(200).decode(errors="replace")
        return error.code == 429 or error.code >= 500, f"it answered {error.code}: {told!r}"
    except (URLError, OSError, http.client.HTTPException) as error:
        refused = re.search(r"Tunnel connection failed: 4", str(error))  # a proxy's own rule
        return not refused, f"{type(error).__name__}: {plain_text(error, 200)}"


def without_address(text: str, url: str) -> str:
    """Return a text without what makes an address secret: the long parts behind its host."""
    import re

    parts = re.split(r"[/?&=]", url.partition("://")[2])[1:]
    for part in sorted({part for part in parts if len(part) > 5}, key=len, reverse=True):
        text = text.replace(part, "…")
    return text


def post_webhook(url: str, body: bytes, seconds: float) -> int:
    """Post JSON until it is taken, for a bounded time; return how many tries that took.

    Raises:
        RuntimeError: E481, it was not taken. The address is not repeated: it is a secret.
    """
    import time
    from urllib.parse import urlsplit

    began, pause, tries = time.monotonic(), 1.0, 0
    while True:
        left = seconds - (time.monotonic() - began)
        may_help, trouble = post_once(url, body, max(0.1, min(10.0, left)))
        tries += 1
        if not trouble:
            return tries
        if not may_help or time.monotonic() - began + pause > seconds:
            host = urlsplit(url).hostname
            told = without_address(trouble, url)
            raise RuntimeError(f"E481 the webhook at {host} took no message: {told}")
        time.sleep(pause)
        pause = min(2 * pause, 30.0)


def notify_webhook(
    webhook: str, form: str, note: "dict[str, Any]", seconds: float, required: bool
) -> bool:
    """Send a note; say whether it was taken.

    Args:
        webhook: An address, or the name of a secret that holds it.
        form: As for ``webhook_body``.
        note: From ``end_of_run``.
        seconds: How long to try.
        required: Whether to fail when it cannot be sent.

    Raises:
        ValueError: E480, there is no such form.
        RuntimeError: E481, it was not sent, and had to be.
    """
    webhook_body(form, "", note)  # a form that does not exist is said whatever the webhook is
    try:
        url = webhook_url(webhook)
        tries = post_webhook(url, webhook_body(form, url, note), seconds)
    except RuntimeError as error:
        if required:
            raise
        print(f"the run is not failed for it: {error}")
        return False
    print(f"sent, at try {tries}")
    return True
