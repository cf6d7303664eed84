"""Secret Manager on this machine: a secret is a file in the home folder, ``secrets/NAME``.

Only reading is answered. Source:
https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/access
"""

import base64
import re
from pathlib import Path

from batchpredict.local.network.http import HttpRequest, HttpResponse, json_response

HOST = "secretmanager.googleapis.com"
ACCESS = "secretmanager.versions.access"
_PATH = re.compile(r"/v1/(projects/[^/]+/secrets/([\w-]+)/versions/[\w-]+):access")


def method(request: HttpRequest) -> str:
    """Return the name of the method that a request calls, or ""."""
    return ACCESS if request.method == "GET" and _PATH.fullmatch(request.path) else ""


class SecretApi:
    """Hands out the files of a folder; every version of a secret is the file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        found = _PATH.fullmatch(request.path)
        if request.method != "GET" or not found:
            message = f"{request.method} {request.path} is not emulated on this machine"
            return _refusal(501, "UNIMPLEMENTED", message)
        name, secret = found.groups()
        path = self._folder / secret
        if not path.is_file():
            message = f"Secret [{name}] not found; on this machine it is the file {path}"
            return _refusal(404, "NOT_FOUND", message)
        data = base64.b64encode(path.read_bytes()).decode()
        return json_response({"name": name, "payload": {"data": data}})


def _refusal(code: int, status: str, message: str) -> HttpResponse:
    return json_response({"error": {"code": code, "message": message, "status": status}}, code)
