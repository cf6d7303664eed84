"""What a client uploads: a compiled pipeline as one part of a form, its tags as another."""

from batchpredict.errors import UsageError
from batchpredict.local.network.http import HttpRequest
from batchpredict.local.storage.errors import StorageError
from batchpredict.local.storage.multipart import parts
from batchpredict.local.vertex.errors import invalid
from batchpredict.pipeline_files import pipeline_of_text


def uploaded(request: HttpRequest) -> tuple[str, bytes, list[str]]:
    """Return the name of the package, the content and the tags of an upload.

    Raises:
        ServiceError: The body is not such a form, or the content no compiled pipeline.
    """
    try:
        found = parts(request.headers.get("content-type", ""), request.body)
    except StorageError as error:
        raise invalid(str(error)) from error
    fields = {str(head.get_param("name", "", "content-disposition")): body for head, body in found}
    if "content" not in fields:
        raise invalid("the form has no part 'content'")
    tags = [tag for tag in fields.get("tags", b"").decode().split(",") if tag]
    return _package_of(fields["content"]), fields["content"], tags


def _package_of(content: bytes) -> str:
    try:
        return pipeline_of_text(content.decode(), "the upload").name
    except (UnicodeDecodeError, UsageError) as error:
        raise invalid(str(error)) from error
