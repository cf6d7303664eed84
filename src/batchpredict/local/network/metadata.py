"""The metadata server of a Google Cloud machine, from which clients take their identity."""

from batchpredict.local import PROJECT_NUMBER
from batchpredict.local.network.http import HttpRequest, HttpResponse, json_response

TOKEN = "batchpredict-local-token"
FLAVOR = {"Metadata-Flavor": "Google"}


def token_reply() -> HttpResponse:
    """Return an access token that is worth nothing outside this machine."""
    content = {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}
    return json_response(content, headers=FLAVOR)


class MetadataServer:
    """Answers ``/computeMetadata/v1/…`` for one project.

    Source: https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys
    """

    def __init__(self, project: str, location: str) -> None:
        account = f"local@{project}.iam.gserviceaccount.com"
        scopes = ["https://www.googleapis.com/auth/cloud-platform"]
        self._account = {"email": account, "scopes": scopes, "aliases": ["default"]}
        self._texts = {
            "project/project-id": project,
            "project/numeric-project-id": PROJECT_NUMBER,
            "universe/universe-domain": "googleapis.com",
            "universe/universe_domain": "googleapis.com",
            "instance/zone": f"projects/{PROJECT_NUMBER}/zones/{location}-a",
            "instance/region": f"projects/{PROJECT_NUMBER}/regions/{location}",
            "instance/service-accounts/default/email": account,
        }

    @staticmethod
    def serves(request: HttpRequest) -> bool:
        """Whether this request is meant for a metadata server."""
        is_ping = request.path == "/" and "metadata-flavor" in request.headers
        return is_ping or request.path.startswith("/computeMetadata/")

    def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer one request; what this machine does not know is 404, as on Google Cloud."""
        key = request.path.removeprefix("/computeMetadata/v1").strip("/")
        if key.startswith("instance/service-accounts/") and key.endswith("/token"):
            return token_reply()
        if key.startswith("instance/service-accounts/") and key.count("/") == 2:
            return json_response(self._account, headers=FLAVOR)
        text = self._texts.get(key)
        if text is None and request.path != "/":
            return HttpResponse(404, b"", FLAVOR)
        headers = {"Content-Type": "application/text", **FLAVOR}
        return HttpResponse(200, (text or "computeMetadata/\n").encode(), headers)
