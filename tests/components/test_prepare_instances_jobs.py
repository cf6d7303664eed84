"""What the step prepares is predicted on the local services, format by format."""

# mypy: disallow-untyped-decorators=False, disable-error-code="valid-type,type-arg"

import numpy as np
from google_cloud_pipeline_components.types.artifact_types import VertexModel
from kfp import dsl
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression

from batchpredict.components.parse_predictions import parse_predictions
from batchpredict.components.prepare_instances import prepare_instances
from batchpredict.components.run_batch_prediction_job import run_batch_prediction_job


def predicted(rows, model_name, instances_format, keyed, **parameters):
    """Add the prediction of prepared instances and its parsing to a pipeline."""
    fields = {}
    if instances_format == "jsonl" and keyed:
        fields = {"included_fields": rows.outputs["columns"], "instance_type": "array"}
    job = run_batch_prediction_job(
        job_display_name=instances_format,
        model_name=model_name,
        gcs_source_uris=rows.outputs["instances_uris"],
        instances_format=instances_format,
        key_field=rows.outputs["key_field"],
        gcs_destination_output_uri_prefix=f"gs://test-prepared/{instances_format}",
        machine_type="n1-standard-2",
        settle_seconds=1,
        poll_interval_seconds=1,
        **fields,
    )
    if not instances_format.startswith("tf-record"):
        parameters["instances"] = rows.outputs["instances"]
    parse_predictions(batchpredictionjob=job.outputs["batchpredictionjob"], **parameters)


@dsl.pipeline(name="prepared")
def prepared(numbers: str, constant: str, rows_uri: str, images: str):
    dataset = dsl.importer(artifact_uri=rows_uri, artifact_class=dsl.Dataset).output
    model = dsl.importer(
        artifact_uri="https://us-central1-aiplatform.googleapis.com",
        artifact_class=VertexModel,
        metadata={"resourceName": numbers},
    ).output
    rows = prepare_instances(dataset=dataset, model=model, key_column="id")
    predicted(rows, numbers, "jsonl", True, key_field="id")
    rows = prepare_instances(dataset=dataset, instances_format="csv", key_column="id")
    predicted(rows, numbers, "csv", True, key_field="id")
    rows = prepare_instances(images_prefix=images, instances_format="file-list")
    predicted(rows, constant, "file-list", False)
    rows = prepare_instances(images_prefix=images)
    predicted(rows, constant, "jsonl", False)
    rows = prepare_instances(
        dataset=dataset, instances_format="tf-record-gzip", text_columns=["id"], shard_rows=5
    )
    predicted(rows, constant, "tf-record-gzip", False)


def test_what_is_prepared_is_predicted(vertex, upload_sklearn, run_pipeline):
    schema = vertex.store.path("gs://test-prepared-in/schema.yaml")
    schema.parent.mkdir(parents=True)
    schema.write_text("{type: array, items: {type: number}, minItems: 2, maxItems: 2}")
    (schema.parent / "rows.csv").write_text(
        "id,a,b\n" + "".join(f"{n:03d},{n},{n}.5\n" for n in range(12))
    )
    for name in ("a.jpg", "b.png", "sub/c.webp", "notes.txt"):
        path = schema.parent / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    fitted = LinearRegression().fit(np.eye(2), [1.0, 2.0])
    schemata = {"instance_schema_uri": "gs://test-prepared-in/schema.yaml"}
    job = run_pipeline(
        prepared,
        numbers=upload_sklearn(fitted, predict_schemata=schemata),
        constant=upload_sklearn(DummyRegressor().fit([[0]], [7.0])),
        rows_uri="gs://test-prepared-in/rows.csv",
        images="gs://test-prepared-in/images",
    )
    assert job.state.name == "PIPELINE_STATE_SUCCEEDED", job.error.message
    counts = {}
    for number in range(1, 6):
        end = "" if number == 1 else f"-{number}"
        made = vertex.services.pipelines.output_parameters(job.name, f"prepare-instances{end}")
        told = vertex.services.pipelines.output_parameters(job.name, f"parse-predictions{end}")
        counts[number] = (made["rows"], dict(told))
    assert counts == {
        number: (rows, {"predicted": rows, "failed": 0, "missing": 0})
        for number, rows in enumerate((12, 12, 3, 3, 12), start=1)
    }
