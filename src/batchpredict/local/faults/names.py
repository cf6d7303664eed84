"""The names of the methods, as Google's discovery documents have them."""

import re
from collections.abc import Iterable, Mapping

from batchpredict.local.network.http import HttpRequest
from batchpredict.local.network.rpcs import GET_OPERATION, WAIT_OPERATION, Rpc

METADATA = ("metadata.get", "metadata.token")
TOKEN = "oauth2.token"
_ALL = "/storage/v1/b"
_ONE = f"{_ALL}/[^/]+"
_OBJECTS = f"{_ONE}/o"
_OBJECT = f"{_OBJECTS}/[^/]+"
STORAGE = {
    "storage.buckets.list": f"GET {_ALL}",
    "storage.buckets.insert": f"POST {_ALL}",
    "storage.buckets.get": f"GET {_ONE}",
    "storage.buckets.patch": f"PATCH {_ONE}",
    "storage.buckets.update": f"PUT {_ONE}",
    "storage.buckets.delete": f"DELETE {_ONE}",
    "storage.objects.list": f"GET {_OBJECTS}",
    "storage.objects.insert": f"(POST|PUT|DELETE) /upload{_OBJECTS}",
    "storage.objects.get": f"GET (/download)?{_OBJECT}",
    "storage.objects.patch": f"PATCH {_OBJECT}",
    "storage.objects.update": f"PUT {_OBJECT}",
    "storage.objects.delete": f"DELETE {_OBJECT}",
    "storage.objects.compose": f"POST {_OBJECT}/compose",
    "storage.objects.copy": f"POST {_OBJECT}/copyTo/b/[^/]+/o/[^/]+",
    "storage.objects.rewrite": f"POST {_OBJECT}/rewriteTo/b/[^/]+/o/[^/]+",
    "storage.objects.move": f"POST {_OBJECT}/moveTo/o/[^/]+",
    "storage.batch": "POST /batch/storage/v1",
}
"""Verb and path of each method of Cloud Storage."""
_PATTERNS = [(re.compile(route), name) for name, route in STORAGE.items()]


def storage_method(request: HttpRequest) -> str:
    """Return the name of a call of Cloud Storage, or "" of one that it does not have."""
    line = f"{request.method} {request.path}"
    return next((name for pattern, name in _PATTERNS if pattern.fullmatch(line)), "")


def metadata_method(request: HttpRequest) -> str:
    """Return the name of a call of the metadata server."""
    return METADATA[request.path.endswith("/token")]


def method_names(rpcs: Mapping[str, Rpc], others: Iterable[str] = ()) -> list[str]:
    """Return the name of every method that a fault can be planned for."""
    fixed = (*STORAGE, *METADATA, TOKEN, GET_OPERATION, WAIT_OPERATION)
    return [*(rpc.name for rpc in rpcs.values()), *fixed, *others]
