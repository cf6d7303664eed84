"""Artifact Registry over HTTP: ``LOCATION-kfp.pkg.dev`` and ``artifactregistry.googleapis.com``.

Sources: kfp.registry.RegistryClient with its ``context/kfp_pkg_dev.json``, and
https://cloud.google.com/artifact-registry/docs/reference/rest
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from batchpredict.local.network.http import HttpRequest, HttpResponse, json_response
from batchpredict.local.registry.packages import Packages, Repository
from batchpredict.local.registry.uploads import uploaded
from batchpredict.local.vertex.errors import ServiceError, invalid, not_found, unimplemented

HOST = re.compile(r"([a-z0-9-]+)-kfp\.pkg\.dev(:443)?")
RESOURCES = "artifactregistry.googleapis.com"
_PACKAGES = (
    r"/v1/projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)"
    r"/repositories/(?P<repository>[^/]+)/packages"
)
_PACKAGE = _PACKAGES + r"/(?P<package>[^/]+)"
ROUTES = {
    "artifactregistry.kfp.upload": r"POST /(?P<project>[^/]+)/(?P<repository>[^/]+)",
    "artifactregistry.kfp.download": (
        r"GET /(?P<project>[^/]+)/(?P<repository>[^/]+)/(?P<package>[^/]+)/(?P<reference>[^/]+)"
    ),
    "artifactregistry.packages.list": f"GET {_PACKAGES}",
    "artifactregistry.packages.get": f"GET {_PACKAGE}",
    "artifactregistry.versions.list": f"GET {_PACKAGE}/versions",
    "artifactregistry.versions.get": f"GET {_PACKAGE}/versions/(?P<version>[^/]+)",
    "artifactregistry.tags.list": f"GET {_PACKAGE}/tags",
    "artifactregistry.tags.get": f"GET {_PACKAGE}/tags/(?P<tag>[^/]+)",
    "artifactregistry.tags.create": f"POST {_PACKAGE}/tags",
    "artifactregistry.tags.patch": f"PATCH {_PACKAGE}/tags/(?P<tag>[^/]+)",
    "artifactregistry.tags.delete": f"DELETE {_PACKAGE}/tags/(?P<tag>[^/]+)",
}
"""Verb and path of each method."""
_PATTERNS = {name: re.compile(route) for name, route in ROUTES.items()}


class RegistryApi:
    """Answers what KFP's registry client asks, but for the deletion of versions and packages."""

    def __init__(self, root: Path) -> None:
        self._packages = Packages(root)
        self._methods: dict[str, Callable[..., HttpResponse]] = {
            "artifactregistry.kfp.upload": self._upload,
            "artifactregistry.kfp.download": self._download,
            "artifactregistry.packages.list": self._list_packages,
            "artifactregistry.packages.get": self._get_package,
            "artifactregistry.versions.list": self._list_versions,
            "artifactregistry.versions.get": self._get_version,
            "artifactregistry.tags.list": self._list_tags,
            "artifactregistry.tags.get": self._get_tag,
            "artifactregistry.tags.create": self._create_tag,
            "artifactregistry.tags.patch": self._patch_tag,
            "artifactregistry.tags.delete": self._delete_tag,
        }

    @staticmethod
    def serves(host: str) -> bool:
        """Whether requests to this host are for a registry."""
        return bool(HOST.fullmatch(host)) or host.partition(":")[0] == RESOURCES

    @staticmethod
    def method(request: HttpRequest) -> str:
        """Return the name of the method that a request calls, or ""."""
        found = _find(request)
        return found[0] if found else ""

    def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        try:
            found = _find(request)
            if found is None:
                raise unimplemented(f"{request.method} {request.path} of Artifact Registry")
            name, values = found
            location = values.pop("location", "") or _location(request)
            place = Repository(values.pop("project"), location, values.pop("repository"))
            return self._methods[name](request, place, **values)
        except ServiceError as error:
            content = {"code": error.http_status, "message": error.message, "status": error.status}
            return json_response({"error": content}, error.http_status)

    def _upload(self, request: HttpRequest, place: Repository) -> HttpResponse:
        package, content, tags = uploaded(request)
        version = self._packages.add(place, package, content)
        self._packages.set_tags(place, package, dict.fromkeys(tags, version))
        return HttpResponse(200, f"{package}/{version}".encode(), {"Content-Type": "text/plain"})

    def _download(
        self, _: HttpRequest, place: Repository, package: str, reference: str
    ) -> HttpResponse:
        content = self._packages.content(place, package, reference)
        return HttpResponse(200, content, {"Content-Type": "application/x-yaml"})

    def _list_packages(self, _: HttpRequest, place: Repository) -> HttpResponse:
        names = self._packages.packages(place)
        return json_response({"packages": [_package(place, name) for name in names]})

    def _get_package(self, _: HttpRequest, place: Repository, package: str) -> HttpResponse:
        self._packages.versions(place, package)
        return json_response(_package(place, package))

    def _list_versions(self, _: HttpRequest, place: Repository, package: str) -> HttpResponse:
        found = self._packages.versions(place, package)
        return json_response({"versions": [self._version(place, package, it) for it in found]})

    def _get_version(
        self, _: HttpRequest, place: Repository, package: str, version: str
    ) -> HttpResponse:
        self._packages.content(place, package, version)
        return json_response(self._version(place, package, version))

    def _version(self, place: Repository, package: str, version: str) -> dict[str, Any]:
        tags = self._packages.tags(place, package).items()
        related = [_tag(place, package, tag, of) for tag, of in tags if of == version]
        name = f"{place.resource}/packages/{package}/versions/{version}"
        return {"name": name, "relatedTags": related}

    def _list_tags(self, _: HttpRequest, place: Repository, package: str) -> HttpResponse:
        found = self._packages.tags(place, package).items()
        return json_response({"tags": [_tag(place, package, tag, it) for tag, it in found]})

    def _get_tag(self, _: HttpRequest, place: Repository, package: str, tag: str) -> HttpResponse:
        version = self._packages.tags(place, package).get(tag)
        if version is None:
            raise not_found(f"{place.resource}/packages/{package}/tags/{tag}")
        return json_response(_tag(place, package, tag, version))

    def _create_tag(self, request: HttpRequest, place: Repository, package: str) -> HttpResponse:
        tag = request.param("tagId")
        if tag in self._packages.tags(place, package):
            return json_response(
                {"error": {"code": 409, "message": f"{tag} is there", "status": "ALREADY_EXISTS"}},
                409,
            )
        return self._set_tag(request, place, package, tag)

    def _patch_tag(
        self, request: HttpRequest, place: Repository, package: str, tag: str
    ) -> HttpResponse:
        self._get_tag(request, place, package, tag)
        return self._set_tag(request, place, package, tag)

    def _set_tag(
        self, request: HttpRequest, place: Repository, package: str, tag: str
    ) -> HttpResponse:
        try:
            version = str(json.loads(request.body)["version"]).rpartition("/")[2]
        except (ValueError, LookupError, TypeError) as error:
            raise invalid(f"the body names no version: {error}") from error
        self._packages.set_tags(place, package, {tag: version})
        return json_response(_tag(place, package, tag, version))

    def _delete_tag(
        self, request: HttpRequest, place: Repository, package: str, tag: str
    ) -> HttpResponse:
        self._get_tag(request, place, package, tag)
        self._packages.set_tags(place, package, {tag: None})
        return json_response({})


def _find(request: HttpRequest) -> tuple[str, dict[str, str]] | None:
    line = f"{request.method} {request.path.replace('%3A', ':').replace('%3a', ':')}"
    is_resource = request.base_url.rpartition("://")[2].partition(":")[0] == RESOURCES
    for name, pattern in _PATTERNS.items():
        match = pattern.fullmatch(line)
        if match and is_resource == (".kfp." not in name):
            return name, match.groupdict()
    return None


def _location(request: HttpRequest) -> str:
    found = HOST.fullmatch(request.base_url.rpartition("://")[2])
    return found.group(1) if found else ""


def _package(place: Repository, name: str) -> dict[str, str]:
    return {"name": f"{place.resource}/packages/{name}", "displayName": name}


def _tag(place: Repository, package: str, tag: str, version: str) -> dict[str, str]:
    base = f"{place.resource}/packages/{package}"
    return {"name": f"{base}/tags/{tag}", "version": f"{base}/versions/{version}"}
