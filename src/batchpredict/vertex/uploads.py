"""The record of uploads: which version of which pipeline stands in which repository.

A JSON file that belongs into version control beside the pipelines.
"""

import datetime
import json
import os
from pathlib import Path
from typing import Any

from batchpredict.errors import UsageError
from batchpredict.vertex.registry import Repository, Upload


def check_record(path: Path) -> list[dict[str, Any]]:
    """Return the uploads of a record; one that is not there has none.

    Raises:
        UsageError: The file is something else (E463).
    """
    try:
        content = json.loads(path.read_text()) if path.exists() else {"uploads": []}
        rows = content["uploads"]
        if not all(isinstance(row["uri"], str) and isinstance(row["tags"], list) for row in rows):
            raise ValueError("an upload has no uri or no tags")
        return list(rows)
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UsageError(
            "E463", f"{path} is not a record of uploads ({error}); name another with --record"
        ) from error


def note(path: Path, repository: Repository, upload: Upload) -> None:
    """Add an upload to a record, or its tags to the same version; a tag leaves its old version.

    Raises:
        UsageError: The file is something else (E463).
    """
    rows = check_record(path)
    place = f"{repository.url}/{upload.package}/"
    for row in rows:
        if str(row["uri"]).startswith(place):
            row["tags"] = [tag for tag in row["tags"] if tag not in upload.tags]
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    row = next((row for row in rows if row["uri"] == upload.uri), {"uploaded": now, "tags": []})
    if "uri" not in row:
        row["uri"] = upload.uri
        rows.append(row)
    row["tags"] = sorted({*row["tags"], *upload.tags})
    rows.sort(key=lambda row: (str(row["uri"]).rpartition("/")[0], row["uploaded"], row["uri"]))
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps({"uploads": rows}, indent=2) + "\n")
    temporary.replace(path)
