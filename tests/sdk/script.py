"""What a user of Google's SDK writes, unchanged but for the transport: run with the environment of
the local services, prints what it saw as JSON.

usage: script.py TRANSPORT COMPILED_YAML DATASET
"""

import json
import logging
import sys
import warnings
from typing import Any

warnings.simplefilter("ignore")
from google.cloud import aiplatform, storage  # noqa: E402


def main(transport: str, template: str, dataset: str) -> None:
    logging.disable(logging.CRITICAL)
    options: Any = {} if transport == "grpc" else {"api_transport": transport}
    aiplatform.init(project="local-project", location="us-central1", **options)
    client = storage.Client()
    bucket = client.create_bucket(f"sdk-{transport}")
    bucket.blob("data/table.csv").upload_from_filename(dataset)

    job: Any = aiplatform.PipelineJob(
        display_name="from-the-sdk",
        template_path=template,
        pipeline_root=f"gs://{bucket.name}/root",
        parameter_values={
            "dataset_uri": f"gs://{bucket.name}/data/table.csv",
            "target_column": "species",
            "model_display_name": f"sdk-{transport}",
            "endpoint_display_name": f"sdk-{transport}",
        },
        enable_caching=False,
    )
    job.run()
    model: Any = aiplatform.Model.list(filter=f'display_name="sdk-{transport}"')[0]
    again: Any = aiplatform.Model(model.resource_name)
    batch: Any
    [batch] = [
        it
        for it in aiplatform.BatchPredictionJob.list()
        if it.gca_resource.model == model.resource_name
        or it.gca_resource.model.startswith(f"{model.resource_name}@")
    ]
    blobs = list(batch.iter_outputs())
    lines = [
        json.loads(line)
        for blob in blobs
        if "prediction.results" in blob.name
        for line in blob.download_as_bytes().splitlines()
    ]
    endpoint: Any = aiplatform.Endpoint.list(filter=f'display_name="sdk-{transport}"')[0]
    instance = ["Torgersen", 39.1, 18.7, 181.0, 3750.0, "male", 2007.0]
    answer = endpoint.predict(instances=[instance, instance])
    frame: Any = aiplatform.get_pipeline_df(pipeline="train-and-batch-predict")
    [row] = frame[frame["run_name"] == job.name].to_dict("records")
    print(
        json.dumps(
            {
                "row": {
                    name: row[name]
                    for name in ("pipeline_name", "param.input:target_column", "metric.accuracy")
                },
                "job_state": job.state.name,
                "tasks": sorted(detail.task_name for detail in job.task_details),
                "model": again.display_name,
                "image": again.container_spec.image_uri,
                "batch_state": batch.state.name,
                "predicted": batch.completion_stats.successful_count,
                "files": sorted(blob.name.rpartition("/")[2] for blob in blobs),
                "keys": len({line["key"] for line in lines}),
                "answer": answer.predictions,
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
