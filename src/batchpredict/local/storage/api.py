"""The JSON API of Cloud Storage over a store on this machine."""

import re
from typing import Any

from batchpredict.local.network.http import HttpRequest, HttpResponse, json_response
from batchpredict.local.storage.batch import answer_batch
from batchpredict.local.storage.conditions import Conditions, integer_parameter
from batchpredict.local.storage.copies import CopyApi
from batchpredict.local.storage.downloads import download
from batchpredict.local.storage.errors import StorageError, error_response
from batchpredict.local.storage.fields import (
    bucket_attributes,
    bucket_resource,
    editable,
    object_resource,
    patched,
)
from batchpredict.local.storage.listing import Query, page
from batchpredict.local.storage.objects import ObjectStore
from batchpredict.local.storage.routing import Route, Router, json_body
from batchpredict.local.storage.stored import StoredObject
from batchpredict.local.storage.uploads import UploadApi

_BATCH = "/batch/storage/v1"
_SERVED = re.compile(r"/(?:(?:upload|download|batch)/)?storage/v1(?:/|\Z)")
_CHECKSUMS_SELECTED = re.compile(r"\*|md5Hash|crc32c|items(?![/(])")


class StorageApi:
    """Cloud Storage as a function from a request to its reply."""

    def __init__(self, store: ObjectStore) -> None:
        buckets, objects = BucketApi(store), ObjectApi(store)
        routes = buckets.routes() + objects.routes()
        routes += CopyApi(store).routes() + UploadApi(store).routes()
        self._route = Router([*routes, ("POST", _BATCH, self._batch)])

    def serves(self, path: str) -> bool:
        """Tell whether a path belongs to Cloud Storage."""
        return bool(_SERVED.match(path))

    def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer a request; what cannot be done is an error in Google's JSON."""
        try:
            if not self.serves(request.path):
                raise StorageError(404, f"Not a path of Cloud Storage: {request.path}")
            if any(name.startswith("x-goog-encryption") for name in request.headers):
                raise StorageError(501, "Customer-supplied encryption keys are not supported")
            return self._route(request)
        except StorageError as error:
            return error_response(error)
        except OSError as error:
            return error_response(StorageError.of(error))

    def _batch(self, request: HttpRequest) -> HttpResponse:
        return answer_batch(request, self.handle)


class BucketApi:
    """The routes of buckets."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        """Return what this answers."""
        bucket = "/storage/v1/b/{}"
        return [
            ("GET", "/storage/v1/b", self.list),
            ("POST", "/storage/v1/b", self.insert),
            ("GET", bucket, self.get),
            ("PATCH", bucket, self.patch),
            ("PUT", bucket, self.update),
            ("DELETE", bucket, self.delete),
        ]

    def list(self, request: HttpRequest) -> HttpResponse:
        """List buckets."""
        found = page(self._store.buckets.names(), Query.of(request))
        items = [self._resource(name, request) for name in found.names]
        return json_response(_listed("storage#buckets", items, [], found.next_token))

    def insert(self, request: HttpRequest) -> HttpResponse:
        """Create a bucket."""
        body = json_body(request)
        name = str(body.get("name", ""))
        self._store.buckets.create(name, bucket_attributes(body))
        return json_response(self._resource(name, request))

    def get(self, request: HttpRequest, name: str) -> HttpResponse:
        """Return a bucket."""
        Conditions.of(request, reading=True).check(self._store.buckets.get(name))
        return json_response(self._resource(name, request))

    def patch(self, request: HttpRequest, name: str) -> HttpResponse:
        """Change the given fields of a bucket; null removes one."""
        body = json_body(request)
        if isinstance(body.get("labels"), dict):
            old = self._store.buckets.get(name).attributes.get("labels", {})
            body["labels"] = {**old, **body["labels"]}
        self._store.buckets.patch(
            name, lambda old: bucket_attributes({**old, **body}), Conditions.of(request)
        )
        return json_response(self._resource(name, request))

    def update(self, request: HttpRequest, name: str) -> HttpResponse:
        """Replace the fields of a bucket."""
        attributes = bucket_attributes(json_body(request))
        self._store.buckets.patch(name, lambda _: attributes, Conditions.of(request))
        return json_response(self._resource(name, request))

    def delete(self, request: HttpRequest, name: str) -> HttpResponse:
        """Remove an empty bucket."""
        self._store.delete_bucket(name, Conditions.of(request))
        return HttpResponse(204)

    def _resource(self, name: str, request: HttpRequest) -> dict[str, Any]:
        return bucket_resource(self._store.buckets.get(name), request.base_url)


class ObjectApi:
    """The routes of the metadata and data of objects."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        """Return what this answers."""
        item = "/storage/v1/b/{}/o/{}"
        return [
            ("GET", "/storage/v1/b/{}/o", self.list),
            ("GET", item, self.get),
            ("GET", f"/download{item}", self.download),
            ("PATCH", item, self.patch),
            ("PUT", item, self.update),
            ("DELETE", item, self.delete),
        ]

    def list(self, request: HttpRequest, bucket: str) -> HttpResponse:
        """List the objects of a bucket and their common prefixes."""
        query = Query.of(request)
        found = page(self._store.names(bucket, query.prefix), query)
        stored = self._store.find_all(bucket, found.names)
        items = [self._resource(each, request) for each in stored]
        return json_response(
            _listed("storage#objects", items, list(found.prefixes), found.next_token)
        )

    def get(self, request: HttpRequest, bucket: str, name: str) -> HttpResponse:
        """Return the metadata of an object, or its data for ``alt=media``."""
        if request.param("alt") == "media":
            return self.download(request, bucket, name)
        found = self._store.get(bucket, name, _generation(request))
        Conditions.of(request, reading=True).check(found)
        return json_response(self._resource(found, request))

    def download(self, request: HttpRequest, bucket: str, name: str) -> HttpResponse:
        """Return the data of an object."""
        return download(self._store, request, bucket, name)

    def patch(self, request: HttpRequest, bucket: str, name: str) -> HttpResponse:
        """Change the given fields of an object; null removes one."""
        body = json_body(request)
        found = self._store.patch(
            bucket,
            name,
            lambda attributes: patched(attributes, body),
            Conditions.of(request),
            _generation(request),
        )
        return json_response(self._resource(found, request))

    def update(self, request: HttpRequest, bucket: str, name: str) -> HttpResponse:
        """Replace the fields of an object."""
        attributes = editable(json_body(request))
        found = self._store.patch(
            bucket, name, lambda _: attributes, Conditions.of(request), _generation(request)
        )
        return json_response(self._resource(found, request))

    def delete(self, request: HttpRequest, bucket: str, name: str) -> HttpResponse:
        """Remove an object."""
        self._store.delete(bucket, name, Conditions.of(request), _generation(request))
        return HttpResponse(204)

    def _resource(self, found: StoredObject, request: HttpRequest) -> dict[str, Any]:
        fields = request.param("fields")
        # Hashing a large model for a client that only asks whether it exists takes seconds.
        wanted = not fields or _CHECKSUMS_SELECTED.search(fields)
        checksums = self._store.checksums(found) if wanted else None
        return object_resource(found, request.base_url, checksums)


def _generation(request: HttpRequest) -> int | None:
    return integer_parameter(request, "generation")


def _listed(kind: str, items: Any, prefixes: Any, next_token: str) -> dict[str, Any]:
    fields = {"items": items, "prefixes": prefixes, "nextPageToken": next_token}
    return {"kind": kind, **{key: value for key, value in fields.items() if value}}
