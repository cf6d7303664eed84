import inspect
import json

import duckdb
import pytest
import yaml
from google_cloud_pipeline_components.v1.batch_predict_job import ModelBatchPredictOp
from kfp import compiler, dsl
from local.bigquery.support import Tables, service
from runtime.results.test_bigquery_server import DATASET, PROJECT, field

from batchpredict.carrying import MAX_SOURCE_BYTES
from batchpredict.components.fetch_bigquery_output import fetch_bigquery_output
from batchpredict.components.parse_predictions import parse_predictions

SCORES = "{'classes': ['A', 'G'], 'scores': [0.25::DOUBLE, 0.75::DOUBLE]}"


def write(folder, **queries):
    folder.mkdir(exist_ok=True)
    for name, query in queries.items():
        duckdb.sql(query).write_parquet(str(folder / f"{name}.parquet"))
    return dsl.Artifact(uri=str(folder))


def fetch(tmp_path, **parameters):
    """Run the step; return its outputs, the files by name as lines, and the folder's metadata."""
    folder = dsl.Artifact(uri=str(tmp_path / "output"))
    outputs = fetch_bigquery_output.python_func(output_directory=folder, **parameters)
    files = {path.name: path.read_text() for path in (tmp_path / "output").iterdir()}
    return outputs, files, folder.metadata


def test_exported_files_become_the_lines_of_a_job(tmp_path):
    exported = write(
        tmp_path / "day=1",
        rows_0=f"SELECT '007' AS id, 1.10::DECIMAL(38, 9) AS n, {SCORES} AS predicted_species",
        rows_1=f"SELECT '7' AS id, 2::DECIMAL(38, 9) AS n, {SCORES} AS predicted_species",
    )
    outputs, files, metadata = fetch(tmp_path, exported=exported, key_field="id")
    assert outputs._asdict() == {"rows": 2, "failed": 0}
    answer = '"prediction": {"classes": ["A", "G"], "scores": [0.25, 0.75]}}'
    assert files == {
        "predictions_1.jsonl": (
            f'{{"key": "007", "instance": {{"id": "007", "n": 1.1}}, {answer}\n'
            f'{{"key": "7", "instance": {{"id": "7", "n": 2}}, {answer}\n'
        ),
        "errors_1.jsonl": "",
    }
    assert metadata == {"rows": 2, "failed": 0, "table": exported.uri, "generation": ""}


def test_a_single_file_and_the_targets_column(tmp_path):
    query = "SELECT 1 AS key, 2 AS predicted_x, {'value': 0.5::DOUBLE} AS predicted_y"
    exported = write(tmp_path / "in", rows=query)
    exported.uri += "/rows.parquet"
    with pytest.raises(ValueError, match=r"^E227 the columns predicted_x, predicted_y"):
        fetch(tmp_path, exported=exported)
    _, files, _ = fetch(tmp_path, exported=exported, target_column="y")
    assert json.loads(files["predictions_1.jsonl"]) == {
        "key": 1,
        "instance": {"key": 1, "predicted_x": 2},
        "prediction": {"value": 0.5},
    }


def test_exported_tables_of_errors(tmp_path):
    error = "{'code': 3::BIGINT, 'message': 'né'}"
    exported = write(
        tmp_path / "in",
        errors_validation=f"SELECT 'a' AS key, 1 AS x, {error} AS errors",
        errors_0=f"SELECT 'b' AS key, 'one' AS y, {error} AS errors_species",
    )
    outputs, files, _ = fetch(tmp_path, exported=exported)
    assert outputs == (0, 2)
    told = '"error": {"code": "3", "message": "né"}}'
    assert files == {
        "predictions_1.jsonl": "",
        "errors_1.jsonl": (
            f'{{"key": "b", "instance": {{"key": "b", "y": "one"}}, {told}\n'
            f'{{"key": "a", "instance": {{"key": "a", "x": 1}}, {told}\n'
        ),
    }


def test_exported_files_of_two_tables_are_refused(tmp_path):
    exported = write(
        tmp_path / "in", a="SELECT '1' AS prediction", b="SELECT '1' AS prediction, 2 AS x"
    )
    with pytest.raises(ValueError, match=r"^E283 .*b.parquet has other columns than .*a.parquet"):
        fetch(tmp_path, exported=exported)


def test_what_is_no_export_is_refused(tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(ValueError, match=r"^E201 there is no dataset at"):
        fetch(tmp_path, exported=dsl.Artifact(uri=str(tmp_path / "in")))
    (tmp_path / "in" / "rows.json").write_text('{"prediction": "1"}\n')
    with pytest.raises(ValueError, match=r"^E283 .*rows.json"):
        fetch(tmp_path, exported=dsl.Artifact(uri=str(tmp_path / "in")))
    with pytest.raises(ValueError, match=r"^E201 bq://p.d.t .*give it as bigquery_output_table"):
        fetch(tmp_path, exported=dsl.Artifact(uri="bq://p.d.t"))
    with pytest.raises(ValueError, match=r"^E227 the table has no column prediction"):
        fetch(tmp_path, exported=write(tmp_path / "other", rows="SELECT 1 AS x"))


def test_there_must_be_one_source(tmp_path):
    job = dsl.Artifact(metadata={"gcsOutputDirectory": "gs://b/x"})
    with pytest.raises(ValueError, match=r"^E207 exported stands beside a job"):
        fetch(tmp_path, exported=job, batchpredictionjob=job)
    for given in ({}, {"batchpredictionjob": job}):
        with pytest.raises(ValueError, match=r"^E226 the artifact names no table"):
            fetch(tmp_path, **given)
    table = dsl.Artifact(uri="bq://p.d.t")
    for api in ("https://example.com", "http://bigquery.googleapis.com"):
        with pytest.raises(ValueError, match=r"^E284 "):
            fetch(tmp_path, bigquery_output_table=table, api=api)


def test_a_table_by_the_artifact_of_the_job_or_its_own(tmp_path):
    names = {"projectId": PROJECT, "datasetId": DATASET, "tableId": "predictions_1"}
    rest = f"projects/{PROJECT}/datasets/{DATASET}/tables/predictions_1"
    table = dsl.Artifact(
        uri=f"https://www.googleapis.com/bigquery/v2/{rest}", metadata={**names, "x": 1}
    )
    job = {"bigqueryOutputDataset": f"bq://{PROJECT}.{DATASET}"}
    job = dsl.Artifact(metadata={**job, "bigqueryOutputTable": "predictions_1"})
    with service(tmp_path / "bigquery") as found:
        tables = Tables(found, PROJECT, DATASET)
        tables.add("predictions_1", [field("key"), field("prediction")], [["007", "1.10"]])
        for given in (
            {"bigquery_output_table": table},
            {"batchpredictionjob": job},
            {"batchpredictionjob": job, "bigquery_output_table": table},
        ):
            outputs, files, metadata = fetch(tmp_path, api=tables.api, **given)
            assert outputs == (1, 0)
            line = '{"key": "007", "prediction": 1.10}\n'
            assert files == {"predictions_1.jsonl": line, "errors_1.jsonl": ""}
            assert metadata["generation"] == tables.etag("predictions_1")


def test_it_stands_between_googles_component_and_the_parser(tmp_path):
    @dsl.pipeline(name="from-bigquery")
    def graph(project: str):
        job = ModelBatchPredictOp(
            project=project,
            job_display_name="penguins",
            bigquery_source_input_uri="bq://my-project.data.penguins",
            instances_format="bigquery",
            predictions_format="bigquery",
            bigquery_destination_output_uri="bq://my-project.predictions",
        )
        rows = fetch_bigquery_output(
            batchpredictionjob=job.outputs["batchpredictionjob"],
            bigquery_output_table=job.outputs["bigquery_output_table"],
            key_field="id",
        )
        parse_predictions(output_directory=rows.outputs["output_directory"], key_field="id")

    compiler.Compiler().compile(graph, str(tmp_path / "graph.yaml"))
    tasks = yaml.safe_load((tmp_path / "graph.yaml").read_text())["root"]["dag"]["tasks"]
    assert tasks["fetch-bigquery-output"]["dependentTasks"] == ["model-batch-predict"]
    assert tasks["parse-predictions"]["dependentTasks"] == ["fetch-bigquery-output"]


def test_the_source_carries_all_that_the_step_needs(tmp_path):
    source = fetch_bigquery_output.component_spec.implementation.container.command[-1]
    assert len(source.encode()) < MAX_SOURCE_BYTES
    assert "batchpredict." not in source
    namespace = {}
    exec(compile(source, "<component>", "exec"), namespace)
    step = namespace["fetch_bigquery_output"]
    assert inspect.isfunction(step)
    folder = dsl.Artifact(uri=str(tmp_path / "output"))
    error = "SELECT 'a' AS key, {'code': 3::BIGINT, 'message': 'no'} AS errors"
    rows = "SELECT 'b' AS key, '0.5' AS prediction, TIMESTAMP '2020-01-01' AS t, [1] AS l"
    exported = write(tmp_path / "in", errors=error, rows=rows)
    assert step(output_directory=folder, exported=exported) == (1, 1)
    with service(tmp_path / "bigquery") as found:
        tables = Tables(found, PROJECT, DATASET)
        tables.add("predictions", [field("prediction")], [["1"]] * 5)
        tables.add("errors", [field("key")], [["a"]])
        table = dsl.Artifact(uri=f"bq://{PROJECT}.{DATASET}.predictions")
        found = step(output_directory=folder, bigquery_output_table=table, api=tables.api)
        assert found == (5, 1)
