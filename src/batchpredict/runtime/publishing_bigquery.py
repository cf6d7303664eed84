"""Predictions in a BigQuery table, by load and query jobs that may be repeated.

Jobs bear identifiers made from the run key, so that a repeated step finds the job of the first
attempt (BigQuery keeps them for about six months) and takes its result. The file is loaded into a
table beside the destination, and from there one statement, or one transaction, changes the
destination: a reader sees all of it or nothing.

Only tried with the BigQuery of ``batchpredict.local``, never with Google's.
"""

from typing import Any

from batchpredict.runtime.publishing_part import compare_schemas, same_run
from batchpredict.runtime.publishing_sql import publication_sql
from batchpredict.runtime.vertex_api import google_request


def bigquery_url(path: str) -> str:
    """Return the URL of a BigQuery resource; ``BIGQUERY_EMULATOR_HOST`` as Google's clients do."""
    import os

    host = os.environ.get("BIGQUERY_EMULATOR_HOST") or "https://bigquery.googleapis.com"
    return f"{host}/bigquery/v2/projects/{path}"


def table_path(table: list[str]) -> str:
    """Return the path of a table given as project, dataset and name."""
    return f"{table[0]}/datasets/{table[1]}/tables/{table[2]}"


def check_columns(types: dict[str, str], partition: list[str], uris: list[str]) -> None:
    """Refuse what BigQuery cannot load, before anything is sent.

    Args:
        types: DuckDB's types by column.
        partition: The partition's column and value; empty for none.
        uris: Where the predictions are.

    Raises:
        ValueError: E268.
    """
    for name, kind in types.items():
        check_column(name, kind)
    whole = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT"}
    if partition and types[partition[0]] not in {"VARCHAR", "DATE", *whole}:
        raise ValueError(
            f"E268 the partition column '{partition[0]}' is {types[partition[0]]}; in BigQuery "
            "a partition is told by a text, a date or an integer"
        )
    other = [uri for uri in uris if not uri.startswith("gs://")]
    if other:
        raise ValueError(
            f"E268 BigQuery loads from Cloud Storage, and the predictions are at {other[0]}; "
            "publish to a folder"
        )


def check_column(name: str, kind: str) -> None:
    """Refuse a column that BigQuery does not have.

    Raises:
        ValueError: E268.
    """
    import re

    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,299}", name):
        raise ValueError(
            f"E268 BigQuery takes no column '{name}'; use letters, digits and underscores"
        )
    if "[][]" in kind:
        raise ValueError(
            f"E268 the column '{name}' is a list of lists ({kind}), which BigQuery does not "
            "have; leave it out, or publish to a folder"
        )


def job_location(table: list[str]) -> str:
    """Return the location of the dataset, where its jobs must run.

    Raises:
        RuntimeError: E252, there is no such dataset.
    """
    dataset = google_request("GET", bigquery_url(f"{table[0]}/datasets/{table[1]}"))
    return str(dataset["location"])


def table_schema(table: list[str]) -> dict[str, str] | None:
    """Return the types of a table by column, or None when there is no such table."""
    reply = google_request("GET", bigquery_url(table_path(table)), accepted=(404,))
    if "error" in reply:
        return None
    fields = reply.get("schema", {}).get("fields", [])
    return {str(field["name"]): field_type(field) for field in fields}


def field_type(field: dict[str, Any]) -> str:
    """Return a column's type as text, under one name of those that BigQuery has for it."""
    names = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL", "RECORD": "STRUCT"}
    kind = names.get(str(field["type"]), str(field["type"]))
    inner = ", ".join(f"{part['name']} {field_type(part)}" for part in field.get("fields", []))
    kind += f"<{inner}>" if inner else ""
    return f"ARRAY<{kind}>" if field.get("mode") == "REPEATED" else kind


def find_job(project: str, location: str, name: str) -> dict[str, Any] | None:
    """Return the job of this identifier when it has ended, or None if there is none.

    Raises:
        RuntimeError: E254, it is not done after six hours.
    """
    import time

    url = bigquery_url(f"{project}/jobs/{name}?location={location}")
    deadline, pause = time.monotonic() + 6 * 3600, 0.5
    while time.monotonic() < deadline:
        job = google_request("GET", url, accepted=(404,))
        if "status" not in job:
            return None
        if job["status"].get("state") == "DONE":
            return job
        time.sleep(pause)
        pause = min(2 * pause, 10)
    raise RuntimeError(f"E254 the BigQuery job {name} was not done after 6 hours")


def run_job(
    project: str, location: str, stem: str, configuration: dict[str, Any]
) -> dict[str, Any]:
    """Run a job, or take the one that a former attempt has run.

    A job that failed has changed nothing; its identifier is spent, so the next number is taken.

    Args:
        project: Where the job runs.
        location: Likewise.
        stem: Identifier without the number of the attempt.
        configuration: What the job is to do.

    Returns:
        The job, which has succeeded.

    Raises:
        RuntimeError: E252, the job failed.
    """
    for attempt in range(1, 1000):
        name = f"{stem}-{attempt}"
        reference = {"projectId": project, "jobId": name, "location": location}
        body = {"jobReference": reference, "configuration": configuration}
        reply = google_request("POST", bigquery_url(f"{project}/jobs"), body, accepted=(409,))
        job = find_job(project, location, name)
        error = job["status"].get("errorResult") if job else {"message": "the job is gone"}
        if job and not error:
            return job
        if "error" not in reply:
            raise RuntimeError(f"E252 the BigQuery job {name} failed: {error.get('message')}")
    raise RuntimeError(f"E252 the BigQuery job {stem} failed 999 times; use another run_key")


def load_staging(
    table: list[str], location: str, uris: list[str], digest: str
) -> tuple[list[str], dict[str, str]]:
    """Load the predictions into a table beside the destination.

    Returns:
        That table, and its types by column.

    Raises:
        RuntimeError: E252, the service refused.
    """
    import uuid

    staging = [table[0], table[1], f"{table[2]}__staging_{digest[:16]}"]
    load = {
        "sourceUris": uris,
        "sourceFormat": "PARQUET",
        "parquetOptions": {"enableListInference": True},
        "destinationTable": dict(zip(["projectId", "datasetId", "tableId"], staging, strict=True)),
        "createDisposition": "CREATE_IF_NEEDED",
        "writeDisposition": "WRITE_TRUNCATE",
    }
    stem = f"batchpredict-load-{digest}"
    run_job(table[0], location, stem, {"load": load})
    schema = table_schema(staging)
    if schema is None:
        # The job is one of long ago, and its table was removed after it had served.
        run_job(table[0], location, f"{stem}-{uuid.uuid4().hex[:8]}", {"load": load})
        schema = table_schema(staging) or {}
    return staging, schema


def publish_table(table: list[str], uris: list[str], run: dict[str, Any]) -> bool:
    """Publish Parquet files to a BigQuery table.

    Args:
        table: Project, dataset and name of the destination.
        uris: The files, in Cloud Storage.
        run: ``run_key``, ``fingerprint``, ``mode``, ``key_column``, ``partition`` (its column and
            value, or empty), ``dated`` (whether that column is a DATE).

    Returns:
        False when the run is published already, and nothing was changed.

    Raises:
        ValueError: E265 other columns than are published; E267 other rows of this run.
        RuntimeError: E252, E254 the service refused, or did not end; E281 no credentials.
    """
    location = job_location(table)
    told = [".".join(table), run["run_key"]]
    stem = f"batchpredict-publish-{publication_digest(told)}"
    done = finished_job(table[0], location, stem)
    if done:
        labels = done["configuration"].get("labels", {})
        same_run(run["run_key"], labels.get("fingerprint", ""), run["fingerprint"])
        return False
    loaded = publication_digest([*told, run["fingerprint"], *uris])
    staging, schema = load_staging(table, location, uris, loaded)
    published = table_schema(table)
    if published is not None:
        kind = "DATE" if run["dated"] else "STRING"
        added = {name: kind for name in run["partition"][:1]}
        compare_schemas(published, {"run_key": "STRING", **added, **schema})
    statement = publication_sql(table, staging, schema, run, published is not None)
    query = {"query": statement, "useLegacySql": False}
    labels = {"fingerprint": run["fingerprint"]}
    run_job(table[0], location, stem, {"query": query, "labels": labels})
    google_request("DELETE", bigquery_url(table_path(staging)), accepted=(404,))
    return True


def publication_digest(parts: list[str]) -> str:
    """Return a digest for the identifier of a job: the same for the same parts."""
    import hashlib

    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:40]


def finished_job(project: str, location: str, stem: str) -> dict[str, Any] | None:
    """Return the job of a former attempt that succeeded, waiting for one that still runs."""
    for attempt in range(1, 1000):
        job = find_job(project, location, f"{stem}-{attempt}")
        if job is None or not job["status"].get("errorResult"):
            return job
    return None
