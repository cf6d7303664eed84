"""Compiled pipelines in Artifact Registry: upload them, and find the one that a tag means.

Plain requests with google-auth: KFP's own client sets no time limit, hides what the service said,
and writes files to look into them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from batchpredict.errors import RunError, UsageError
from batchpredict.pipeline_files import CompiledPipeline, pipeline_of_text
from batchpredict.vertex.clients import calling

if TYPE_CHECKING:
    from batchpredict.config.settings import Settings

RETRY_SECONDS = 60.0
CALL_SECONDS = (10.0, 60.0)
_PROJECT = r"(?P<project>[a-z0-9][a-z0-9.:-]*)"
_LOCATION = r"(?P<location>[a-z]+(?:-[a-z0-9]+)*)"
_NAME = r"(?P<name>[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?)"
REPOSITORIES = (
    re.compile(rf"(?:https://)?{_LOCATION}-kfp\.pkg\.dev/{_PROJECT}/{_NAME}/?"),
    re.compile(rf"projects/{_PROJECT}/locations/{_LOCATION}/repositories/{_NAME}"),
)
TEMPLATE = re.compile(
    rf"https://{_LOCATION}-kfp\.pkg\.dev/{_PROJECT}/{_NAME}"
    r"/(?P<package>[a-z0-9][a-z0-9._-]*)/(?P<reference>[a-z0-9][a-z0-9._:-]*)"
)
TAG = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}")
VERSION = re.compile(r"sha256:[0-9a-f]{16,128}")


@dataclass(frozen=True)
class Repository:
    """A repository of the format KFP."""

    project: str
    location: str
    name: str

    @property
    def url(self) -> str:
        """Where pipelines are uploaded to and taken from."""
        return f"https://{self.location}-kfp.pkg.dev/{self.project}/{self.name}"

    @property
    def packages(self) -> str:
        """Where its packages are described."""
        place = f"projects/{self.project}/locations/{self.location}/repositories/{self.name}"
        return f"https://artifactregistry.googleapis.com/v1/{place}/packages"


@dataclass(frozen=True)
class Upload:
    """An uploaded pipeline.

    Attributes:
        package: Its name in the repository.
        version: What the registry calls this content, ``sha256:…``.
        uri: The address of this version, which no later upload changes.
        tags: The tags that were set.
    """

    package: str
    version: str
    uri: str
    tags: tuple[str, ...]


def repository_of(text: str, project: str = "", location: str = "") -> Repository:
    """Return the repository that a text names.

    Args:
        text: ``https://LOCATION-kfp.pkg.dev/PROJECT/NAME``, a resource name, or a name alone.
        project: The project of a name alone.
        location: Its region.

    Raises:
        UsageError: It names none (E460).
    """
    for form in REPOSITORIES:
        if found := form.fullmatch(text):
            return Repository(**found.groupdict())
    if re.fullmatch(_NAME, text) and project and location:
        return Repository(project, location, text)
    hint = "" if project and location else "; a name alone needs --project and --location too"
    raise UsageError(
        "E460",
        f"--repository {text!r} is not a repository: give https://REGION-kfp.pkg.dev/PROJECT/NAME "
        f"or projects/PROJECT/locations/REGION/repositories/NAME{hint}",
    )


def is_template(text: str) -> bool:
    """Whether a text is meant as the address of a pipeline in a registry."""
    return text.startswith("https://") and "-kfp.pkg.dev/" in text


def upload(compiled: CompiledPipeline, repository: Repository, tags: Sequence[str] = ()) -> Upload:
    """Upload a compiled file as it is, and let tags mean it.

    The same content again is the same version, and no error.

    Args:
        compiled: The pipeline.
        repository: Where to.
        tags: What else the version is to be called; a tag of an earlier version moves.

    Raises:
        UsageError: A tag is not of the form (E461).
        BatchpredictError: The registry refused (E401 to E407), or its reply is not understood
            (E462).
    """
    for tag in tags:
        if not TAG.fullmatch(tag):
            raise UsageError(
                "E461",
                f"--tag {tag!r} is not of the form: small letters, digits and . _ -, "
                "at most 128, a letter or digit first",
            )
    form: dict[str, Any] = {
        "files": {"content": (f"{compiled.name}.yaml", compiled.text.encode())}
    }
    if tags:
        form["data"] = {"tags": ",".join(tags)}
    with calling(f"uploading {compiled.name} to {repository.url}"):
        reply = _send("POST", repository.url, **form).text.strip()
    package, _, version = reply.partition("/")
    if not VERSION.fullmatch(version):
        message = f"{repository.url} took the upload, and answered {reply[:200]!r}: no version"
        raise RunError("E462", message)
    for tag in tags:
        _set_tag(repository, package, version, tag)
    return Upload(package, version, f"{repository.url}/{package}/{version}", tuple(tags))


def _set_tag(repository: Repository, package: str, version: str, tag: str) -> None:
    """Let a tag mean a version, if the upload did not do it."""
    from google.api_core.exceptions import NotFound

    tags = f"{repository.packages}/{quote(package)}/tags"
    name = f"{tags}/{tag}".partition("/v1/")[2]
    full = f"{repository.packages}/{quote(package)}/versions/{version}".partition("/v1/")[2]
    wanted = {"name": name, "version": full}
    with calling(f"setting the tag {tag} of {package}"):
        try:
            if _version_of(repository, package, tag) != version:
                _send("PATCH", f"{tags}/{tag}?updateMask=version", json=wanted)
        except NotFound:
            _send("POST", f"{tags}?tagId={tag}", json=wanted)


def _version_of(repository: Repository, package: str, tag: str) -> str:
    reply = _send("GET", f"{repository.packages}/{quote(package)}/tags/{quote(tag)}").json()
    return str(reply["version"]).rpartition("/")[2]


def find_anywhere(name: str, settings: "Settings") -> CompiledPipeline:
    """Return the pipeline at this address in a registry, in this file, or of this name.

    Raises:
        BatchpredictError: As :func:`resolve` and ``config.pipelines.find_pipeline``.
    """
    from batchpredict.config.pipelines import find_pipeline

    return resolve(name) if is_template(name) else find_pipeline(name, settings)


def resolve(uri: str) -> CompiledPipeline:
    """Return the pipeline at an address; its ``template_uri`` is the address of the version.

    A tag may mean another version tomorrow: a run or a schedule is to name the version.

    Args:
        uri: ``https://LOCATION-kfp.pkg.dev/PROJECT/REPOSITORY/PACKAGE/TAG`` or with a version.

    Raises:
        UsageError: It is no such address (E460), or there is no compiled pipeline there (E102).
        BatchpredictError: The registry refused (E401 to E407).
    """
    found = TEMPLATE.fullmatch(uri)
    if not found:
        form = "https://REGION-kfp.pkg.dev/PROJECT/REPOSITORY/PACKAGE/TAG"
        raise UsageError("E460", f"{uri!r} is not the address of a pipeline, {form}")
    repository = Repository(found["project"], found["location"], found["name"])
    package, reference = found["package"], found["reference"]
    with calling(f"looking for {uri}"):
        is_version = reference.startswith("sha256:")
        version = reference if is_version else _version_of(repository, package, reference)
        exact = f"{repository.url}/{package}/{version}"
        text = _send("GET", exact).content.decode(errors="replace")
    return replace(pipeline_of_text(text, f"{package.replace('-', '_')}.yaml"), template_uri=exact)


def _send(verb: str, url: str, **content: Any) -> Any:
    """Send one request, again if that may help: each of ours may be repeated.

    Raises:
        GoogleAPICallError: It was refused.
        GoogleAuthError: There are no credentials.
    """
    import google.auth
    from google.api_core import exceptions
    from google.api_core.retry import Retry, if_exception_type
    from google.auth.transport.requests import AuthorizedSession

    passing = if_exception_type(
        exceptions.ServiceUnavailable, exceptions.TooManyRequests, exceptions.InternalServerError
    )
    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    credentials, _ = google.auth.default(scopes=scopes)
    with AuthorizedSession(credentials) as session:  # type: ignore[no-untyped-call]
        retry = Retry(predicate=passing, initial=0.5, maximum=8.0, timeout=RETRY_SECONDS)
        return retry(_send_once)(session, verb, url, **content)


def _send_once(session: Any, verb: str, url: str, **content: Any) -> Any:
    import requests
    from google.api_core import exceptions

    try:
        reply = session.request(verb, url, timeout=CALL_SECONDS, **content)
    except requests.RequestException as error:
        host = url.split("/")[2]
        message = f"{host} did not answer: {type(error).__name__}"
        raise exceptions.ServiceUnavailable(message) from error  # type: ignore[no-untyped-call]
    if not reply.ok:
        raise exceptions.from_http_response(reply)  # type: ignore[no-untyped-call]
    return reply
