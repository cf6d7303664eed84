"""What Cloud Storage says of the files of an output, asked with the standard library alone.

google-auth and requests would cost the step seconds of installation for this one question.
"""


def metadata_token() -> str:
    """Return an access token of the step's own service account, from the metadata server.

    Every step on Vertex AI has this server; a local run has one too, named by the environment.
    https://cloud.google.com/compute/docs/access/authenticate-workloads

    Raises:
        OSError: There is none.
    """
    import json
    import os
    from urllib.request import ProxyHandler, Request, build_opener

    host = os.environ.get("GCE_METADATA_HOST", "metadata.google.internal")
    url = f"http://{host}/computeMetadata/v1/instance/service-accounts/default/token"
    request = Request(url, headers={"Metadata-Flavor": "Google"})
    with build_opener(ProxyHandler({})).open(request, timeout=10) as reply:
        return str(json.load(reply)["access_token"])


def stored_objects(uri: str) -> dict[str, dict[str, str]]:
    """Return what Cloud Storage says of the objects of a folder, by base name.

    A step may lack the right to list: the manifest then goes without generations, with a warning.

    Args:
        uri: ``gs://bucket/folder``.
    """
    import json
    import logging
    from urllib.parse import quote, urlencode
    from urllib.request import Request, urlopen

    bucket, _, prefix = uri.removeprefix("gs://").partition("/")
    fields = "nextPageToken,items(name,generation,md5Hash)"
    query = {"prefix": prefix.rstrip("/") + "/", "delimiter": "/", "fields": fields}
    address = f"https://storage.googleapis.com/storage/v1/b/{quote(bucket, safe='')}/o"
    found: dict[str, dict[str, str]] = {}
    try:
        token = metadata_token()
        while True:
            request = Request(f"{address}?{urlencode(query)}")
            request.add_unredirected_header("Authorization", f"Bearer {token}")
            with urlopen(request, timeout=60) as reply:
                page = json.load(reply)
            found |= {item["name"].rpartition("/")[2]: item for item in page["items"]}
            if not page.get("nextPageToken"):
                return found
            query["pageToken"] = page["nextPageToken"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        logging.warning("the generations of the objects in %s are not known: %s", uri, error)
        return {}
