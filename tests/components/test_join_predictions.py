"""The step as a container runs it: its source alone, with the packages it asks for alone."""

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import yaml
from kfp import dsl
from kfp.compiler import Compiler

from batchpredict import images
from batchpredict.components.join_predictions import join_predictions
from batchpredict.components.publish_predictions import publish_predictions

PENGUINS = Path(__file__).parents[2] / "examples" / "penguins.csv"
ALONE = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("batchpredict", "numpy", "pandas", "pyarrow", "polars"):
            raise ImportError(name)
sys.meta_path.insert(0, Absent())
source, folder = sys.argv[1:]
exec(compile(open(source).read(), source, "exec"))
"""


def source_of(component, folder):
    """The source that the container gets, and the packages."""
    path = folder / "compiled.yaml"
    Compiler().compile(component, str(path))
    [executor] = yaml.safe_load(path.read_text())["deploymentSpec"]["executors"].values()
    command = executor["container"]["command"]
    assert len(command[-1].encode()) < 100_000
    assert "batchpredict" not in command[-1].replace("batchpredict-", "")
    return command[-1], command[2]


def test_the_source_alone_joins(tmp_path):
    with duckdb.connect() as con:
        con.execute(
            "COPY (SELECT 'row-' || lpad((r + 1)::VARCHAR, 6, '0') AS key, "
            f"'label ' || r AS label FROM range(344) t(r) ORDER BY hash(r)) "
            f"TO '{tmp_path}/predictions.parquet' (FORMAT parquet)"
        )
        con.execute(
            "COPY (SELECT 'row-' || lpad((row_number() OVER ())::VARCHAR, 6, '0') AS key, * "
            f"FROM read_csv('{PENGUINS}', all_varchar = true)) TO '{tmp_path}/table.csv'"
        )
    source, packages = source_of(join_predictions, tmp_path)
    assert images.DUCKDB in packages
    tail = """
from kfp import dsl
outputs = join_predictions(
    predictions=dsl.Dataset(uri=folder + "/predictions.parquet"),
    table=dsl.Dataset(uri=folder + "/table.csv"),
    joined=dsl.Dataset(uri=folder + "/joined"),
)
print(outputs.rows, outputs.rows_with_prediction)
"""
    (tmp_path / "step.py").write_text(source + tail)
    command = [sys.executable, "-c", ALONE, str(tmp_path / "step.py"), str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout == "344 344\n"
    with duckdb.connect() as con:
        rows = con.execute(f"SELECT key, label FROM '{tmp_path}/joined.parquet'").fetchall()
    assert rows == [(f"row-{n + 1:06}", f"label {n}") for n in range(344)]


def test_the_source_alone_matches_by_instance_and_publishes(tmp_path):
    instances = [{"a": n, "b": [n / 7, None]} for n in range(20)]
    (tmp_path / "table.jsonl").write_text("".join(json.dumps(i) + "\n" for i in instances))
    with duckdb.connect() as con:
        con.execute("CREATE TABLE t (instance VARCHAR, value DOUBLE)")
        rows = [[json.dumps(i, indent=1), i["a"] / 2] for i in instances[::-1]]
        con.executemany("INSERT INTO t VALUES (?, ?)", rows)
        con.execute(f"COPY t TO '{tmp_path}/predictions.parquet' (FORMAT parquet)")
    joining, _ = source_of(join_predictions, tmp_path)
    publishing, packages = source_of(publish_predictions, tmp_path)
    assert all(pin in packages for pin in (images.DUCKDB, images.GOOGLE_AUTH, images.REQUESTS))
    (tmp_path / "publish.py").write_text(publishing)
    tail = """
from kfp import dsl
joined = dsl.Dataset(uri=folder + "/joined")
join_predictions(
    predictions=dsl.Dataset(uri=folder + "/predictions.parquet"),
    table=dsl.Dataset(uri=folder + "/table.jsonl"),
    joined=joined,
    key_column="",
)
exec(compile(open(folder + "/publish.py").read(), "publish", "exec"))
for _ in range(2):
    outputs = publish_predictions(
        predictions=joined, destination=folder + "/published", run_key="the run"
    )
    print(outputs.rows, outputs.changed)
"""
    (tmp_path / "step.py").write_text(joining + tail)
    command = [sys.executable, "-c", ALONE, str(tmp_path / "step.py"), str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout == "20 True\n20 False\n"
    files = json.loads((tmp_path / "published" / "_manifest.json").read_text())["files"]
    with duckdb.connect() as con:
        rows = con.execute(f"FROM '{tmp_path}/published/{files[0]}'").fetchall()
    wanted = [(json.dumps(i), i["a"] / 2, "the run") for i in instances]
    assert rows == wanted


def test_the_step_takes_the_table_of_another(tmp_path):
    @dsl.pipeline
    def pipeline(folder: str):
        given = dsl.importer(artifact_uri="gs://b/p.parquet", artifact_class=dsl.Dataset)
        joined = join_predictions(predictions=given.output, table=given.output, prefix="p_")
        publish_predictions(
            predictions=joined.outputs["joined"],
            destination=folder,
            run_key=dsl.PIPELINE_JOB_NAME_PLACEHOLDER,
        )

    Compiler().compile(pipeline, str(tmp_path / "pipeline.yaml"))
    assert "{{$.pipeline_job_name}}" in (tmp_path / "pipeline.yaml").read_text()
