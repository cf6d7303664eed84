"""Where the results of a batch prediction job go."""

import datetime
from typing import Any

from batchpredict.local.settings import BatchSettings
from batchpredict.local.storage.objects import ObjectStore
from batchpredict.local.vertex.batch.inputs import Source, Tables
from batchpredict.local.vertex.batch.outputs import (
    CsvForm,
    FileOutput,
    Form,
    JsonLinesForm,
    Output,
)
from batchpredict.local.vertex.batch.table_output import TableOutput, output_tables


def open_output(
    job: Any,
    model: Any,
    store: ObjectStore,
    tables: Tables,
    source: Source,
    settings: BatchSettings,
) -> Output:
    """Return where the results of a job go.

    Raises:
        ServiceError: They cannot go there.
    """
    wanted = job.output_config.predictions_format
    if wanted == "bigquery":
        return TableOutput(tables(), output_tables(job, model), source)
    form: Form = CsvForm(source) if wanted == "csv" else JsonLinesForm()
    kind = "explanation" if job.generate_explanation else "prediction"
    folder = job.output_info.gcs_output_directory
    return FileOutput(store, folder, kind, form, settings.shards)


def output_directory(job: Any, model: Any, moment: datetime.datetime) -> str:
    """Return the folder that the job's output goes to."""
    stamp = moment.strftime("%Y_%m_%dT%H_%M_%S_%f")[:-3] + "Z"
    name = model.display_name.replace("/", "_")
    prefix = job.output_config.gcs_destination.output_uri_prefix.rstrip("/")
    return f"{prefix}/prediction-{name}-{stamp}"
