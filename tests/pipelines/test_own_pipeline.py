"""The README's example, as a user has it: our components in a pipeline of theirs."""

import json
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from helpers import ROOT, FinishedRun, run_command


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's compiled pipeline."""
    folder = tmp_path_factory.mktemp("readme")
    text = (ROOT / "README.md").read_text()
    [code] = re.findall(r"```python\n(from google_cloud_pipeline.*?)```", text, re.DOTALL)
    (folder / "example.py").write_text(code)
    subprocess.run([sys.executable, "-W", "ignore", "example.py"], cwd=folder, check=True)
    return folder / "score_rows.yaml"


def test_the_readme_example_scores_with_a_model_of_an_earlier_run(
    penguins: FinishedRun, example: Path, tmp_path: Path
) -> None:
    instances = tmp_path / "rows.jsonl"
    first = penguins.output("split-dataset", "instances").read_text().splitlines()[0]
    columns = [name for name in json.loads(first) if name != "key"]
    code = example.read_text()
    assert "included_fields" in code
    instances.write_text(first + "\n")
    model = next(penguins.home.glob("vertex/**/models/*@1.json"))
    name = str(model.relative_to(penguins.home / "vertex").with_suffix(""))
    run = run_command(
        penguins.home,
        *("-p", f"model_name={name}", "-p", f"rows_uri={instances}"),
        *("-p", "output_uri=gs://local-pipelines/scored"),
        *("-p", f"columns={json.dumps(columns)}"),
        pipeline=str(example),
    )
    assert run.exit_code == 0, run.stderr
    predictions = run.output("parse-predictions", "predictions")
    with duckdb.connect() as database:
        rows = database.execute(
            "SELECT key, label FROM read_parquet(?)", [str(predictions)]
        ).fetchall()
    assert [key for key, _ in rows] == [json.loads(first)["key"]]
    assert rows[0][1] in ("Adelie", "Chinstrap", "Gentoo")
