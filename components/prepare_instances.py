"""A table or a folder of images becomes the instances of a batch prediction.

In a pipeline::

    rows = prepare_instances(dataset=table.output, key_column="id", exclude_columns=["species"])
    job = run_batch_prediction_job(
        job_display_name="nightly",
        model_name="projects/my-project/locations/europe-west4/models/1234",
        gcs_source_uris=rows.outputs["instances_uris"],
        instance_type="array",
        key_field=rows.outputs["key_field"],
        included_fields=rows.outputs["columns"],
        gcs_destination_output_uri_prefix="gs://my-bucket/predictions",
        machine_type="n1-standard-4",
    )
    parse_predictions(
        batchpredictionjob=job.outputs["batchpredictionjob"],
        instances=rows.outputs["instances"],
        key_field=rows.outputs["key_field"],
    )
"""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Output

from batchpredict import images
from batchpredict.carrying import carried
from batchpredict.runtime.instances.options import check_instance_options
from batchpredict.runtime.instances.preparing import prepare_files
from batchpredict.runtime.instances.writing import publish_files


@dsl.component(
    base_image=images.PYTHON,
    packages_to_install=[
        images.DUCKDB,
        images.GOOGLE_AUTH,
        images.JSONSCHEMA,
        images.PYYAML,
        images.REQUESTS,
        images.TFRECORD,
    ],
    additional_funcs=carried(check_instance_options, prepare_files, publish_files),
)
def prepare_instances(
    instances: Output[Dataset],
    dataset: Input[Dataset] = None,
    model: Input[Artifact] = None,
    instance_schema: Input[Artifact] = None,
    instance_schema_uri: str = "",
    images_prefix: str = "",
    instances_format: str = "jsonl",
    key_column: str = "",
    include_columns: list = [],
    exclude_columns: list = [],
    text_columns: list = [],
    instance_type: str = "",
    shard_rows: int = 0,
    api: str = "https://bigquery.googleapis.com",
) -> NamedTuple(
    "Outputs",
    [
        ("instances_uris", list),
        ("rows", int),
        ("key_field", str),
        ("columns", list),
    ],
):
    """Write a table, or the images of a folder, as the input of a batch prediction job.

    Every row becomes one instance, and every row is judged before a file is there: if one cannot
    be written as the format asks, or does not fit the model's instance schema, the step fails and
    names it. Numbers keep their digits. A missing cell is null in JSON; a CSV file cannot say it.
    Times are texts, as batch prediction writes them from BigQuery; bytes are base64.

    Args:
        dataset: A CSV file (UTF-8, commas, a header; also .csv.gz), a Parquet file, a folder of
            such files, or a BigQuery table as bq://PROJECT.DATASET.TABLE. An empty CSV cell and NA
            are missing; a CSV column is of numbers when all its other cells are.
        model: The model, as ModelUploadOp gives it: its instance schema is looked up.
        instance_schema: An instance schema as a file: OpenAPI 3.0 in YAML or JSON. The rows are
            checked as the model gets them, without the key: as lists when the schema is of lists.
            A number is no text to it: name such a column in text_columns.
        instance_schema_uri: The same by its gs:// URI.
        images_prefix: gs://BUCKET/FOLDER of images, instead of the dataset: jsonl for AutoML
            (content, mimeType), or file-list. The kind of an image is told by its extension.
        instances_format: jsonl, csv, file-list, tf-record or tf-record-gzip. A file list is made
            from one column of gs:// URIs. A record is a tf.train.Example with a feature for each
            column: whole numbers and booleans are int64_list, other numbers float_list (32 bits),
            texts and bytes bytes_list; a missing cell is no feature.
        key_column: The column that tells the rows apart; it is written as a text. Empty: jsonl
            objects and csv get a column "key", row-000001 for the first row.
        include_columns: The columns that the model gets, in this order; all when empty.
        exclude_columns: Columns that the model does not get.
        text_columns: Columns whose cells are texts though they look like numbers: 01234.
        instance_type: What a line of jsonl is: object, or array for a list of the values, which
            has no key.
        shard_rows: Rows of each file; 0 for a single file, which parse_predictions can read.
        api: Address of BigQuery; another one of googleapis.com for a region or a private endpoint.

    Returns:
        instances: The file, or with shard_rows the folder of files. Metadata: format, rows,
            key_field, columns, shards, left_out.
        instances_uris: URIs of the files, as a batch prediction job takes them.
        rows: Number of instances.
        key_field: Name of the key, for the job and for parse_predictions; "" without keys.
        columns: The columns that the model gets, for included_fields.
    """
    import logging
    import tempfile
    from collections import namedtuple

    options = dict(locals())
    check_instance_options(options)
    with tempfile.TemporaryDirectory() as scratch:
        found = prepare_files(options, scratch)
        files = found.pop("files")
        uris = publish_files(files, instances, instances_format, shard_rows > 0)
    instances.metadata.update(format=instances_format, shards=len(files), **found)
    logging.info("%d instances in %d files", found["rows"], len(files))
    outputs = namedtuple("Outputs", "instances_uris rows key_field columns")
    return outputs(uris, found["rows"], found["key_field"], found["columns"])
