"""The methods of datasets."""

import re
import secrets
from collections.abc import Mapping
from typing import Any

from batchpredict.local.bigquery.catalogue import Catalogue
from batchpredict.local.bigquery.errors import BigQueryError, duplicate, invalid
from batchpredict.local.bigquery.requests import (
    Route,
    body,
    check_body,
    flag,
    page,
    page_token,
)
from batchpredict.local.bigquery.warehouse import Warehouse
from batchpredict.local.network.http import HttpRequest, HttpResponse, json_response

LOCATION = "US"
LINK = "https://bigquery.googleapis.com/bigquery/v2"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]{0,1023}|[A-Za-z0-9_]{1,1024}")
LABEL = re.compile(r"[\w-]{0,63}")
EDITABLE = {"description", "friendlyName", "labels", "defaultTableExpirationMs", "access"}
KNOWN = EDITABLE | {"datasetReference", "location", "isCaseInsensitive", "storageBillingModel"}
KNOWN |= {"maxTimeTravelHours", "resourceTags", "defaultPartitionExpirationMs"}
SAID = {"kind", "id", "selfLink", "etag", "creationTime", "lastModifiedTime", "type"}
SAID |= {"satisfiesPzs", "satisfiesPzi"}
REFUSED = {"defaultEncryptionConfiguration", "linkedDatasetSource", "externalDatasetReference"}
REFUSED |= {"defaultCollation", "defaultRoundingMode", "externalCatalogDatasetOptions"}
REFUSED |= {"defaultPartitionExpirationMs", "isCaseInsensitive"}
ACCESS = [
    {"role": "WRITER", "specialGroup": "projectWriters"},
    {"role": "OWNER", "specialGroup": "projectOwners"},
    {"role": "READER", "specialGroup": "projectReaders"},
]


class DatasetApi:
    """Datasets of the warehouse."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def routes(self) -> list[Route]:
        """Return what this answers."""
        many, one = "projects/{}/datasets", "projects/{}/datasets/{}"
        listing = ("all", "filter", "maxResults", "pageToken")
        return [
            Route("GET", many, "datasets.list", self.list, listing),
            Route("POST", many, "datasets.insert", self.insert, ("accessPolicyVersion",)),
            Route("GET", one, "datasets.get", self.get, ("datasetView", "accessPolicyVersion")),
            Route("PATCH", one, "datasets.patch", self.patch, ("accessPolicyVersion",)),
            Route("PUT", one, "datasets.update", self.update, ("accessPolicyVersion",)),
            Route("DELETE", one, "datasets.delete", self.delete, ("deleteContents",)),
        ]

    def list(self, request: HttpRequest, project: str) -> HttpResponse:
        """List the datasets of a project."""
        wanted = _label_filter(request.param("filter"))
        with self._warehouse.reading() as catalogue:
            found = [it for it in catalogue.datasets(project) if wanted(it.get("labels", {}))]
        first, size = page(request)
        names = ("kind", "id", "datasetReference", "labels", "friendlyName", "location")
        items = [
            {key: it[key] for key in names if key in it}
            for it in map(resource, found[first : first + size])
        ]
        listed = {"kind": "bigquery#datasetList", "etag": secrets.token_hex(4)}
        listed |= page_token(first + size, len(found))
        return json_response({**listed, **({"datasets": items} if items else {})})

    def insert(self, request: HttpRequest, project: str) -> HttpResponse:
        """Create a dataset."""
        content = body(request)
        reference = content.get("datasetReference") or {}
        dataset = str(reference.get("datasetId") or "")
        if reference.get("projectId") not in (None, project):
            raise invalid("The project of datasetReference is not that of the address")
        with self._warehouse.writing() as catalogue:
            if catalogue.find_dataset(project, dataset) is not None:
                raise duplicate("Dataset", f"{project}:{dataset}")
            return json_response(resource(new_dataset(catalogue, project, dataset, content)))

    def get(self, _: HttpRequest, project: str, dataset: str) -> HttpResponse:
        """Return a dataset."""
        with self._warehouse.reading() as catalogue:
            return json_response(resource(catalogue.dataset(project, dataset)))

    def patch(self, request: HttpRequest, project: str, dataset: str) -> HttpResponse:
        """Change the given fields; null removes one."""
        return self._change(request, project, dataset, keep=True)

    def update(self, request: HttpRequest, project: str, dataset: str) -> HttpResponse:
        """Replace the fields."""
        return self._change(request, project, dataset, keep=False)

    def _change(
        self, request: HttpRequest, project: str, dataset: str, keep: bool
    ) -> HttpResponse:
        given = check_body(body(request), KNOWN, REFUSED, SAID)
        with self._warehouse.writing() as catalogue:
            old = catalogue.dataset(project, dataset)
            check_etag(request, old["etag"])
            if given.get("location") not in (None, old["location"]):
                raise invalid("The location of a dataset cannot be changed")
            kept = old if keep else {k: v for k, v in old.items() if k not in EDITABLE}
            changed = merged(kept, given)
            changed |= {"lastModifiedTime": catalogue.now(), "etag": secrets.token_hex(8)}
            catalogue.put_dataset(project, dataset, changed)
            return json_response(resource(changed))

    def delete(self, request: HttpRequest, project: str, dataset: str) -> HttpResponse:
        """Remove a dataset; one with tables only when that is asked for."""
        with self._warehouse.writing() as catalogue:
            catalogue.dataset(project, dataset)
            if catalogue.tables(project, dataset) and not flag(request, "deleteContents"):
                message = f"Dataset {project}:{dataset} is still in use"
                raise BigQueryError(400, "resourceInUse", message)
            catalogue.drop_dataset(project, dataset)
        return HttpResponse(204)


def new_dataset(
    catalogue: Catalogue, project: str, dataset: str, content: Mapping[str, Any]
) -> dict[str, Any]:
    """Make a dataset.

    Raises:
        BigQueryError: Its name or a field is not as it has to be.
    """
    if not NAME.fullmatch(dataset):
        raise invalid(f'Invalid dataset ID "{dataset}". Dataset IDs must be alphanumeric')
    given = check_body(dict(content), KNOWN, REFUSED, SAID)
    moment = catalogue.now()
    found = {
        "access": ACCESS,
        **given,
        "datasetReference": {"projectId": project, "datasetId": dataset},
        "location": given.get("location") or LOCATION,
        "creationTime": moment,
        "lastModifiedTime": moment,
        "etag": secrets.token_hex(8),
    }
    check_labels(found.get("labels"))
    catalogue.put_dataset(project, dataset, found)
    return found


def resource(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return a dataset as the API shows it."""
    reference = found["datasetReference"]
    project, dataset = reference["projectId"], reference["datasetId"]
    return {
        "kind": "bigquery#dataset",
        "id": f"{project}:{dataset}",
        "selfLink": f"{LINK}/projects/{project}/datasets/{dataset}",
        "type": "DEFAULT",
        **found,
    }


def merged(old: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a resource with the given fields; null removes one, labels are merged by key."""
    changed = {**old, **given}
    if isinstance(given.get("labels"), dict):
        labels = {**old.get("labels", {}), **given["labels"]}
        changed["labels"] = {key: value for key, value in labels.items() if value is not None}
    check_labels(changed.get("labels"))
    return {key: value for key, value in changed.items() if value is not None}


def check_labels(labels: Any) -> None:
    """Refuse labels that BigQuery does not allow.

    Raises:
        BigQueryError: There is one.
    """
    for key, value in (labels or {}).items():
        for label in (key, str(value)):
            if not LABEL.fullmatch(label) or label != label.lower():
                raise invalid(f"Invalid label {label!r}", "labels")


def check_etag(request: HttpRequest, etag: str) -> None:
    """Refuse a change of what has changed since the client read it.

    Raises:
        BigQueryError: It has.
    """
    wanted = request.headers.get("if-match")
    if wanted not in (None, "*", etag):
        raise BigQueryError(412, "conditionNotMet", "Precondition check failed.", "If-Match")


def _label_filter(text: str) -> Any:
    if not text:
        return lambda _: True
    pairs = [re.fullmatch(r"labels\.([\w-]+)(?::([\w-]*))?", it) for it in text.split()]
    if not all(pairs):
        raise invalid(f"Invalid filter: {text}", "filter")
    wanted = [(it[1], it[2]) for it in pairs if it]
    return lambda labels: all(
        key in labels and (value in (None, "") or labels[key] == value) for key, value in wanted
    )
