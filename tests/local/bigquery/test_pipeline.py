"""Pipelines of Google's and of our components over BigQuery."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.cloud import bigquery
from google_cloud_pipeline_components.container.v1.bigquery.utils import bigquery_util
from google_cloud_pipeline_components.types.artifact_types import VertexModel
from google_cloud_pipeline_components.v1.batch_predict_job import ModelBatchPredictOp
from kfp import dsl
from local.bigquery.support import Service, connect
from sklearn.linear_model import LinearRegression

from batchpredict.components.fetch_bigquery_output import fetch_bigquery_output
from batchpredict.components.parse_predictions import parse_predictions
from batchpredict.components.publish_predictions import publish_predictions
from batchpredict.local import LOCATION, PROJECT
from batchpredict.local.session import LocalVertex

HOUSES = f"{PROJECT}.houses"


@dsl.pipeline(name="from-table-to-table")
def scoring(model: str, mode: str, run_key: str) -> None:  # type: ignore[no-untyped-def]
    imported = dsl.importer(
        artifact_uri="https://example.com/model",
        artifact_class=VertexModel,
        metadata={"resourceName": model},
    )
    job = ModelBatchPredictOp(
        model=imported.outputs["artifact"],
        location=LOCATION,
        job_display_name="houses",
        instances_format="bigquery",
        bigquery_source_input_uri=f"bq://{HOUSES}.sizes",
        excluded_fields=["key"],
        predictions_format="bigquery",
        bigquery_destination_output_uri=f"bq://{HOUSES}",
        machine_type="n1-standard-2",
    )
    rows = fetch_bigquery_output(batchpredictionjob=job.outputs["batchpredictionjob"])
    parsed = parse_predictions(output_directory=rows.outputs["output_directory"])
    publish_predictions(
        predictions=parsed.outputs["predictions"],
        destination=f"bq://{HOUSES}.prices",
        mode=mode,
        run_key=run_key,
    )


@pytest.fixture(scope="module")
def tables(vertex: LocalVertex) -> Iterator[bigquery.Client]:
    with connect(vertex) as client:
        client.create_dataset("houses")
        sizes = [{"key": f"h{number}", "size": number / 2} for number in range(100)]
        client.load_table_from_json(sizes, f"{HOUSES}.sizes").result()
        yield client


def test_a_table_is_predicted_parsed_and_published(
    tables: bigquery.Client, upload_sklearn: Callable[..., str], run_pipeline: Callable[..., Any]
) -> None:
    model = upload_sklearn(LinearRegression().fit([[0.0], [1.0]], [5.0, 7.0]))
    for number, mode in enumerate(("append", "merge")):
        job = run_pipeline(scoring, model=model, mode=mode, run_key=f"run-{number}")
        assert job.state.name == "PIPELINE_STATE_SUCCEEDED", job.error
        found = [dict(row) for row in tables.list_rows(f"{HOUSES}.prices")]
        assert {row["run_key"] for row in found} == {f"run-{number}"}
        prices = {row["key"]: json.loads(row["prediction"]) for row in found}
        assert prices == {f"h{n}": pytest.approx(5 + n) for n in range(100)}
    staged = [it.table_id for it in tables.list_tables("houses") if "staging" in it.table_id]
    assert staged == []


class Anyone:
    """Credentials of the local metadata server, as the launcher uses them."""

    token = "local"
    valid = True

    def refresh(self, _: Any) -> None:
        """Nothing ages here."""


def test_googles_launcher_of_queries(
    alone: Service, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The launcher's own code; only its 20 s between two looks are taken out, and its hosts."""
    client = alone.client()
    client.create_dataset("launched")
    monkeypatch.setattr(bigquery_util, "_POLLING_INTERVAL_IN_SECONDS", 0)
    monkeypatch.setattr(bigquery_util.google.auth, "default", lambda: (Anyone(), PROJECT))
    for verb in ("post", "get"):
        real = getattr(bigquery_util.requests, verb)

        def here(url: str, real: Any = real, **options: Any) -> Any:
            path = url.partition(".googleapis.com")[2]
            return real(alone.url + path, **options)

        monkeypatch.setattr(bigquery_util.requests, verb, here)
    told = tmp_path / "resources"
    outputs = {"artifacts": {"destination_table": {"artifacts": [{"name": "t", "metadata": {}}]}}}
    executor = {"outputs": {**outputs, "outputFile": str(tmp_path / "output.json")}}
    payload = {"configuration": {"query": {"query": "SELECT @n AS n"}}}
    override = {
        "destinationTable": {"projectId": PROJECT, "datasetId": "launched", "tableId": "one"},
        "query_parameters": [  # as the component sends it
            {
                "name": "n",
                "parameterType": {"type": "INT64"},
                "parameterValue": {"value": "7"},
            }
        ],
    }
    bigquery_util.bigquery_query_job(
        "BigqueryQueryJob",
        PROJECT,
        "US",
        json.dumps(payload),
        json.dumps(override),
        str(told),
        json.dumps(executor),
    )
    [resource] = json.loads(told.read_text())["resources"]
    assert resource["resourceUri"].startswith(
        f"https://www.googleapis.com/bigquery/v2/projects/{PROJECT}/jobs/"
    )
    [table] = json.loads((tmp_path / "output.json").read_text())["artifacts"].values()
    assert table["artifacts"][0]["metadata"]["tableId"] == "one"
    assert [tuple(row) for row in client.list_rows("launched.one")] == [(7,)]
    payload["configuration"]["query"]["query"] = "SELECT nothing"
    told.unlink()
    with pytest.raises(RuntimeError, match=r"invalidQuery.*nothing"):
        bigquery_util.bigquery_query_job(
            "BigqueryQueryJob", PROJECT, "US", json.dumps(payload), "{}", str(told), "{}"
        )
