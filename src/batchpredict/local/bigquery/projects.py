"""The methods of projects: there is one, and every name is one."""

from batchpredict.local import PROJECT
from batchpredict.local.bigquery.requests import Route
from batchpredict.local.network.http import HttpRequest, HttpResponse, json_response


class ProjectApi:
    """The project of this machine."""

    def routes(self) -> list[Route]:
        """Return what this answers."""
        return [
            Route("GET", "projects", "projects.list", self.list, ("maxResults", "pageToken")),
            Route(
                "GET",
                "projects/{}/serviceAccount",
                "projects.getServiceAccount",
                self.service_account,
            ),
        ]

    def list(self, _: HttpRequest) -> HttpResponse:
        """Return the one project that clients find by themselves."""
        reference = {"projectId": PROJECT}
        project = {
            "kind": "bigquery#project",
            "id": PROJECT,
            "numericId": "1",
            "projectReference": reference,
            "friendlyName": PROJECT,
        }
        return json_response(
            {"kind": "bigquery#projectList", "projects": [project], "totalItems": 1}
        )

    def service_account(self, _: HttpRequest, project: str) -> HttpResponse:
        """Return an account that has no rights anywhere."""
        email = f"local@{project}.iam.gserviceaccount.com"
        kind = "bigquery#getServiceAccountResponse"
        return json_response({"kind": kind, "email": email})
