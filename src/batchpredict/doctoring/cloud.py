"""Ask the APIs of Google Cloud, with the credentials of this machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TIMES = (10.0, 20.0)
SCOPE = "https://www.googleapis.com/auth/cloud-platform"


class NotAnswered(Exception):  # noqa: N818 (it names the event)
    """What was asked got no answer; the message says why."""


@dataclass(frozen=True)
class Cloud:
    """Where to ask, and as whom.

    Attributes:
        base: The address of an API, with ``{service}`` for its name.
        anonymous: Ask without credentials, as of a server of a test.
    """

    base: str = "https://{service}.googleapis.com"
    anonymous: bool = False

    def credentials(self) -> Any:
        """Return the credentials that Google's clients find on this machine.

        Raises:
            GoogleAuthError: There are none.
        """
        import google.auth

        return google.auth.default(scopes=[SCOPE])[0]

    def ask(
        self, service: str, path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the reply of an API: a POST with a body, else a GET.

        Raises:
            NotAnswered: There was none, or it was a refusal.
        """
        import requests
        from google.auth.exceptions import GoogleAuthError

        url = f"{self.base.format(service=service)}/{path}"
        try:
            with self._session() as session:
                verb = "GET" if body is None else "POST"
                reply = session.request(verb, url, json=body, timeout=TIMES, allow_redirects=False)
                content = reply.json()
        except (requests.RequestException, GoogleAuthError, ValueError) as error:
            text = " ".join(str(error).split())[:200]
            raise NotAnswered(
                f"{service} did not answer: {type(error).__name__}: {text}"
            ) from error
        if not reply.ok or not isinstance(content, dict):
            told = content.get("error") if isinstance(content, dict) else None
            message = told.get("message", "") if isinstance(told, dict) else ""
            raise NotAnswered(f"{service} answered {reply.status_code}: {message[:300]}")
        return content

    def _session(self) -> Any:
        import requests
        from google.auth.transport.requests import AuthorizedSession

        if self.anonymous:
            session = requests.Session()
            session.trust_env = False
            return session
        return AuthorizedSession(self.credentials())  # type: ignore[no-untyped-call]
