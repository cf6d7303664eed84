"""What the configuration of a job may say."""

import re
from collections.abc import Mapping
from typing import Any

from batchpredict.local.bigquery.datasets import check_labels
from batchpredict.local.bigquery.errors import invalid, not_emulated
from batchpredict.local.bigquery.requests import check_body
from batchpredict.local.bigquery.writes import table_reference

JOB_ID = re.compile(r"[\w-]{1,1024}")
SAID = {
    "kind",
    "etag",
    "id",
    "selfLink",
    "status",
    "statistics",
    "user_email",
    "principal_subject",
}
SAID |= {"jobCreationReason"}
KINDS = ("query", "load", "extract", "copy")
COMMON = {"dryRun", "jobTimeoutMs", "labels", "jobType", "reservation", "maxSlots"}
DESTINATION = {"destinationTable", "createDisposition", "writeDisposition", "schemaUpdateOptions"}
DESTINATION |= {"timePartitioning", "rangePartitioning", "clustering"}
QUERY = DESTINATION | {"query", "defaultDataset", "parameterMode", "queryParameters", "priority"}
QUERY |= {"useLegacySql", "useQueryCache", "allowLargeResults", "flattenResults"}
QUERY |= {"maximumBytesBilled", "maximumBillingTier", "preserveNulls", "scriptOptions"}
LOAD = DESTINATION | {"sourceUris", "sourceFormat", "schema", "autodetect", "fieldDelimiter"}
LOAD |= {"skipLeadingRows", "quote", "allowQuotedNewlines", "nullMarker", "encoding"}
LOAD |= {"ignoreUnknownValues", "maxBadRecords", "parquetOptions", "allowJaggedRows"}
LOAD |= {"preserveAsciiControlCharacters", "destinationTableProperties"}
EXTRACT = {"sourceTable", "destinationUri", "destinationUris", "destinationFormat", "compression"}
EXTRACT |= {"printHeader", "fieldDelimiter"}
COPY = {"sourceTable", "sourceTables", "destinationTable", "createDisposition", "writeDisposition"}
COPY |= {"operationType"}
REFUSED = {
    "query": {
        "tableDefinitions",
        "userDefinedFunctionResources",
        "destinationEncryptionConfiguration",
        "createSession",
        "connectionProperties",
        "continuous",
        "systemVariables",
        "maximumBytesBilled",
        "writeIncrementalResults",
    },
    "load": {
        "destinationEncryptionConfiguration",
        "useAvroLogicalTypes",
        "decimalTargetTypes",
        "hivePartitioningOptions",
        "jsonExtension",
        "projectionFields",
        "connectionProperties",
        "createSession",
        "referenceFileSchemaUri",
        "columnNameCharacterMap",
        "schemaInline",
        "fileSetSpecType",
        "copyFilesOnly",
        "nullMarkers",
        "timeZone",
        "dateFormat",
        "datetimeFormat",
        "timeFormat",
        "timestampFormat",
        "sourceColumnMatch",
        "destinationTableProperties",
    },
    "extract": {"useAvroLogicalTypes", "sourceModel", "modelExtractOptions"},
    "copy": {"destinationEncryptionConfiguration", "destinationExpirationTime"},
}
KNOWN = {"query": QUERY, "load": LOAD, "extract": EXTRACT, "copy": COPY}


def check_job(
    content: Mapping[str, Any], project: str, *, uploaded: bool = False
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the reference and the configuration of a job.

    Raises:
        BigQueryError: They are not as they have to be.
    """
    job = check_body(dict(content), {"jobReference", "configuration"}, (), SAID)
    known = {"projectId", "jobId", "location"}
    reference = check_body(job.get("jobReference") or {}, known, (), (), "jobReference")
    if reference.get("projectId") not in (None, "", project):
        raise invalid("The project of jobReference is not that of the address", "jobReference")
    if reference.get("jobId") and not JOB_ID.fullmatch(str(reference["jobId"])):
        raise invalid(f"Invalid job ID {reference['jobId']!r}", "jobReference.jobId")
    configuration = check_body(
        job.get("configuration") or {}, COMMON | set(KINDS), (), (), "configuration"
    )
    kinds = [kind for kind in KINDS if kind in configuration]
    if len(kinds) != 1:
        raise invalid("A job has exactly one of query, load, extract and copy", "configuration")
    check_labels(configuration.get("labels"))
    [kind] = kinds
    where = f"configuration.{kind}"
    checked = check_body(configuration[kind], KNOWN[kind], REFUSED[kind], (), where)
    configuration |= {kind: checked, "jobType": kind.upper()}
    if configuration.get("dryRun") and kind != "query":
        raise not_emulated(f"dryRun of a {kind} job")
    CHECKS[kind](checked, uploaded)
    return reference, configuration


def _check_query(query: dict[str, Any], _: bool) -> None:
    if not query.get("query"):
        raise invalid("Required parameter is missing: query", "query")
    if query.get("useLegacySql", True):
        raise not_emulated("legacy SQL (useLegacySql, which is true when it is not given)")
    if query.get("destinationTable") is not None:
        table_reference(query["destinationTable"])


def _check_load(load: dict[str, Any], uploaded: bool) -> None:
    table_reference(load.get("destinationTable"))
    if not uploaded and not load.get("sourceUris"):
        raise invalid("Required parameter is missing: sourceUris", "configuration.load.sourceUris")


def _check_extract(extract: dict[str, Any], _: bool) -> None:
    table_reference(extract.get("sourceTable"))
    if not extract.get("destinationUris") and not extract.get("destinationUri"):
        raise invalid("Required parameter is missing: destinationUris")


def _check_copy(copy: dict[str, Any], _: bool) -> None:
    table_reference(copy.get("destinationTable"))
    if copy.get("operationType") not in (None, "", "COPY", "OPERATION_TYPE_UNSPECIFIED"):
        raise not_emulated(f"operationType {copy['operationType']}")
    if not copy.get("sourceTable") and not copy.get("sourceTables"):
        raise invalid("Required parameter is missing: sourceTables")


CHECKS = {
    "query": _check_query,
    "load": _check_load,
    "extract": _check_extract,
    "copy": _check_copy,
}
