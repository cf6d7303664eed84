"""Objects made from objects: compose, copy, rewrite and move."""

from collections.abc import Mapping
from typing import Any

from batchpredict.local.network.http import HttpRequest, HttpResponse, json_response
from batchpredict.local.storage.checksums import CHUNK
from batchpredict.local.storage.conditions import Conditions, integer_parameter
from batchpredict.local.storage.errors import StorageError
from batchpredict.local.storage.fields import editable, object_resource
from batchpredict.local.storage.objects import ObjectStore
from batchpredict.local.storage.routing import Route, json_body
from batchpredict.local.storage.staging import Staged
from batchpredict.local.storage.stored import DEFAULT_CONTENT_TYPE, StoredObject

_MAXIMUM_SOURCES = 32
_OBJECT = "/storage/v1/b/{}/o/{}"


class CopyApi:
    """The routes that read objects and write one."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        """Return what this answers."""
        return [
            ("POST", f"{_OBJECT}/compose", self.compose),
            ("POST", f"{_OBJECT}/copyTo/b/{{}}/o/{{}}", self.copy),
            ("POST", f"{_OBJECT}/rewriteTo/b/{{}}/o/{{}}", self.rewrite),
            ("POST", f"{_OBJECT}/moveTo/o/{{}}", self.move),
        ]

    def compose(self, request: HttpRequest, bucket: str, name: str) -> HttpResponse:
        """Concatenate up to 32 objects of a bucket."""
        body = json_body(request)
        sources = _sources(body)
        attributes = editable(body.get("destination") or {})
        attributes.setdefault("contentType", DEFAULT_CONTENT_TYPE)
        with self._store.staging.staged() as staged:
            read = [self._append_source(staged, bucket, source) for source in sources]
            attributes["componentCount"] = sum(
                found.attributes.get("componentCount", 1) for found in read
            )
            made = self._store.commit(staged, bucket, name, attributes, Conditions.of(request))
        if body.get("deleteSourceObjects"):
            for source_name, generation in {(s.name, s.generation) for s in read}:
                if source_name != name:
                    self._store.delete(bucket, source_name, generation=generation)
        return json_response(self._resource(made, request))

    def copy(self, request: HttpRequest, *names: str) -> HttpResponse:
        """Copy an object and return the copy."""
        return json_response(self._resource(self._copied(request, *names)[1], request))

    def rewrite(self, request: HttpRequest, *names: str) -> HttpResponse:
        """Copy an object, always in one call, and return how that went."""
        source, made = self._copied(request, *names)
        return json_response(
            {
                "kind": "storage#rewriteResponse",
                "totalBytesRewritten": str(source.size),
                "objectSize": str(source.size),
                "done": True,
                "resource": self._resource(made, request),
            }
        )

    def move(self, request: HttpRequest, bucket: str, name: str, target: str) -> HttpResponse:
        """Rename an object within its bucket: a copy, then the removal of what was copied."""
        if name == target:
            raise StorageError(400, f"{bucket}/{name} cannot be moved to itself")
        source, made = self._copied(request, bucket, name, bucket, target)
        self._store.delete(bucket, name, generation=source.generation)
        return json_response(self._resource(made, request))

    def _copied(
        self, request: HttpRequest, bucket: str, name: str, to_bucket: str, to_name: str
    ) -> tuple[StoredObject, StoredObject]:
        requested = editable(json_body(request))
        generation = integer_parameter(request, "sourceGeneration")
        with self._store.staging.staged() as staged:
            conditions = Conditions.of(request, "ifSource")
            source = self._append(staged, bucket, name, generation, conditions)
            # As in the cloud, metadata in the request replaces that of the source.
            attributes = {"contentType": source.content_type, **requested} if requested else {}
            attributes = attributes or editable(source.attributes)
            conditions = Conditions.of(request)
            made = self._store.commit(staged, to_bucket, to_name, attributes, conditions)
        return source, made

    def _append_source(
        self, staged: Staged, bucket: str, source: Mapping[str, Any]
    ) -> StoredObject:
        match = (source.get("objectPreconditions") or {}).get("ifGenerationMatch")
        conditions = Conditions(generation_match=_integer(match))
        generation = _integer(source.get("generation"))
        return self._append(staged, bucket, str(source.get("name")), generation, conditions)

    def _append(
        self,
        staged: Staged,
        bucket: str,
        name: str,
        generation: int | None,
        conditions: Conditions,
    ) -> StoredObject:
        with self._store.open(bucket, name, generation) as (found, file):
            conditions.check(found)
            while chunk := file.read(CHUNK):
                staged.write(chunk)
        return found

    def _resource(self, made: StoredObject, request: HttpRequest) -> dict[str, Any]:
        return object_resource(made, request.base_url, self._store.checksums(made))


def _sources(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    sources = body.get("sourceObjects")
    if not isinstance(sources, list) or not 0 < len(sources) <= _MAXIMUM_SOURCES:
        raise StorageError(400, f"Compose needs 1 to {_MAXIMUM_SOURCES} source objects")
    if not all(isinstance(source, dict) for source in sources):
        raise StorageError(400, "A source object of compose is not a JSON object")
    return sources


def _integer(value: Any) -> int | None:
    try:
        return None if value is None else int(value)
    except (TypeError, ValueError):
        raise StorageError(400, f"Not a generation: {value!r}") from None
