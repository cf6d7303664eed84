"""How long who asks for a job is held while that runs."""

from collections.abc import Mapping

LAUNCHER = "google-cloud-pipeline-components"
LAUNCHER_WAIT = 3600.0
CLIENT_WAIT = 3.0


def patience(headers: Mapping[str, str]) -> float:
    """Return for how many seconds a request for a job may wait for its end.

    Google's launchers look once and then sleep 20 s: they are answered when the job has ended.
    Other clients are held for at most 3 s.
    """
    agent = headers.get("x-goog-api-client", "") + headers.get("user-agent", "")
    return LAUNCHER_WAIT if LAUNCHER in agent else CLIENT_WAIT
