"""The images of a folder in Cloud Storage, as AutoML takes them."""

from typing import TYPE_CHECKING, Any

from batchpredict.runtime.vertex_api import google_request, google_session

if TYPE_CHECKING:
    from collections.abc import Iterator


def image_types() -> dict[str, str]:
    """Return the MIME type of each extension that AutoML's image models predict.

    Source: ImageClassificationPredictionInstance of the Vertex AI API.
    """
    return {
        ".jpg": "image/jpeg",
        ".jpeg": "image/jpeg",
        ".png": "image/png",
        ".gif": "image/gif",
        ".bmp": "image/bmp",
        ".ico": "image/vnd.microsoft.icon",
        ".tif": "image/tiff",
        ".tiff": "image/tiff",
        ".webp": "image/webp",
    }


def image_rows(prefix: str, left_out: "dict[str, Any]") -> "Iterator[tuple[str, str]]":
    """Yield URI and MIME type of each image below a folder, as JSON texts, page by page.

    Args:
        prefix: ``gs://BUCKET/FOLDER``; folders in it belong to it.
        left_out: Gets ``count`` and the first ``names`` of files of other extensions.

    Raises:
        ValueError: E210, it is no folder in Cloud Storage.
        RuntimeError: E252, Cloud Storage refused or did not answer.
    """
    import json
    import os
    import re

    found = re.fullmatch(r"gs://([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])(?:/([^\r\n*]*))?", prefix)
    if not found:
        raise ValueError(f"E210 images_prefix is {prefix[:300]!r}; give gs://BUCKET/FOLDER")
    folder = (found[2] or "").rstrip("/")
    types = image_types()
    left_out.update(count=0, names=[])
    for name in object_names(found[1], f"{folder}/" if folder else ""):
        mime = types.get(os.path.splitext(name)[1].lower())
        if mime:
            yield json.dumps(f"gs://{found[1]}/{name}", ensure_ascii=False), f'"{mime}"'
        elif not name.endswith("/"):
            left_out["count"] += 1
            left_out["names"] += [name][: 20 - len(left_out["names"])]


def object_names(bucket: str, prefix: str) -> "Iterator[str]":
    """Yield the names of the objects of a bucket that begin with a prefix, page by page.

    Raises:
        RuntimeError: E252, Cloud Storage refused, did not answer, or repeats a page.
    """
    from urllib.parse import urlencode

    query = {"prefix": prefix, "maxResults": "1000", "fields": "items(name),nextPageToken"}
    address = f"https://storage.googleapis.com/storage/v1/b/{bucket}/o"
    with google_session(address) as session:
        while True:
            page = google_request("GET", f"{address}?{urlencode(query)}", session=session)
            yield from (str(item["name"]) for item in page.get("items") or [])
            token = page.get("nextPageToken")
            if not token:
                return
            if token == query.get("pageToken"):
                raise RuntimeError(f"E252 Cloud Storage repeats a page of gs://{bucket}/{prefix}")
            query["pageToken"] = token


def check_images(prefix: str, rows: int, left_out: "dict[str, Any]") -> None:
    """Print the files that are no images, and refuse a folder that has none.

    Raises:
        ValueError: E210.
    """
    told = f"{left_out['count']} files of other extensions: {', '.join(left_out['names'])}"
    if not rows:
        raise ValueError(
            f"E210 there is no image in {prefix}, only {told}; the extensions are "
            f"{', '.join(image_types())}"
        )
    if left_out["count"]:
        print(f"W214 left out of {prefix}: {told}")
