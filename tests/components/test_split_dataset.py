import csv
import gzip
import json
import shutil
from pathlib import Path

import duckdb
import pytest
from kfp import dsl

from batchpredict.components.split_dataset import split_dataset

PENGUINS = Path(__file__).parents[2] / "examples" / "penguins.csv"


@pytest.fixture
def split(tmp_path):
    def run(dataset=PENGUINS, folder="out", **parameters):
        (tmp_path / folder).mkdir(exist_ok=True)
        names = ("train", "test", "instances")
        outputs = {name: dsl.Dataset(uri=str(tmp_path / folder / name)) for name in names}
        given = dsl.Dataset(uri=str(dataset))
        result = split_dataset.python_func(dataset=given, **outputs, **parameters)
        return result, outputs

    return run


def read(artifact):
    with duckdb.connect() as con:
        table = con.read_parquet(artifact.path)
        return table.columns, [str(t) for t in table.types], table.fetchall()


def penguins():
    with open(PENGUINS, newline="") as file:
        rows = list(csv.DictReader(file))
    return {f"row-{i:06d}": row for i, row in enumerate(rows, start=1)}


def test_penguins_by_species(split):
    result, outputs = split(target_column="species")
    features = ["island", "bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
    features += ["sex", "year"]
    assert result._asdict() == {
        "task": "classification",
        "key_column": "key",
        "feature_columns": features,
        "instances_uris": [outputs["instances"].uri],
        "test_rows": 86,
    }
    columns, types, train = read(outputs["train"])
    test = read(outputs["test"])[2]
    assert columns == ["key", *features, "species"]
    assert types == ["VARCHAR", "VARCHAR", *["DOUBLE"] * 4, "VARCHAR", "DOUBLE", "VARCHAR"]
    source = penguins()
    assert sorted(row[0] for row in train + test) == list(source)
    for row in train + test:
        cells = [None if source[row[0]][n] == "NA" else source[row[0]][n] for n in columns[1:]]
        typed = [
            float(c) if c and t == "DOUBLE" else c for c, t in zip(cells, types[1:], strict=True)
        ]
        assert list(row[1:]) == typed
    per_class = {name: sum(row[-1] == name for row in test) for name in ("Adelie", "Chinstrap")}
    assert per_class == {"Adelie": 38, "Chinstrap": 17}


def test_instances_are_the_test_rows_without_the_target(split):
    result, outputs = split(target_column="species")
    columns, _, test = read(outputs["test"])
    lines = Path(outputs["instances"].path).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        dict(zip(columns[:-1], row[:-1], strict=True)) for row in test
    ]
    assert "null" in "".join(lines)
    assert list(json.loads(lines[0])) == ["key", *result.feature_columns]


def test_files_bear_their_extension_and_their_sizes(split):
    _, outputs = split(target_column="sex")
    assert [outputs[n].uri.rpartition(".")[2] for n in outputs] == ["parquet", "parquet", "jsonl"]
    train, test = outputs["train"].metadata, outputs["test"].metadata
    assert train["rows"] + test["rows"] == 333
    assert train["rows_without_target"] == 11
    assert train["columns"][-1] == "sex"
    assert test == {"rows": test["rows"], "columns": train["columns"]}
    assert outputs["instances"].metadata["columns"] == train["columns"][:-1]
    assert "categories" not in train


def test_xgboost_gets_numbers(split):
    result, outputs = split(target_column="species", algorithm="xgboost")
    levels = {"island": ["Biscoe", "Dream", "Torgersen"], "sex": ["female", "male"]}
    assert outputs["train"].metadata["categories"] == levels
    source = penguins()
    for line in Path(outputs["instances"].path).read_text().splitlines():
        row = json.loads(line)
        for name, known in levels.items():
            cell = source[row["key"]][name]
            assert row[name] == (float(known.index(cell)) if cell != "NA" else None)
    types = read(outputs["train"])[1]
    assert types == ["VARCHAR", *["DOUBLE"] * 7, "VARCHAR"]
    assert result.task == "classification"


def test_numbers_only_have_no_categories(split):
    texts = ["species", "island", "sex"]
    _, outputs = split(target_column="body_mass_g", algorithm="xgboost", ignore_columns=texts)
    assert "categories" not in outputs["train"].metadata


def test_a_regression(split):
    result, outputs = split(target_column="body_mass_g", test_fraction=0.1, seed=5)
    assert (result.task, result.test_rows) == ("regression", 34)
    assert read(outputs["test"])[1][-1] == "DOUBLE"


def test_an_own_key_keeps_its_name(split, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id,key,y\n" + "".join(f"n{i},{i},{i % 2}\n" for i in range(8)))
    result, outputs = split(path, target_column="y", key_column="id")
    assert (result.key_column, result.feature_columns) == ("id", ["key"])
    line = Path(outputs["instances"].path).read_text().splitlines()[0]
    assert list(json.loads(line)) == ["id", "key"]


def test_the_same_rows_in_another_form_give_the_same_files(split, tmp_path):
    _, plain = split(target_column="species")
    zipped = tmp_path / "penguins.csv.gz"
    zipped.write_bytes(gzip.compress(PENGUINS.read_bytes()))
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copy(PENGUINS, folder / "part-0.csv")
    for number, source in enumerate((zipped, folder)):
        _, other = split(source, f"other{number}", target_column="species")
        for name in plain:
            assert Path(other[name].path).read_bytes() == Path(plain[name].path).read_bytes()


def test_another_seed_gives_another_split(split):
    _, one = split(target_column="species")
    _, two = split(target_column="species", folder="two", seed=1)
    assert read(one["test"])[2] != read(two["test"])[2]


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"target_column": "specis"}, "E203"),
        ({"target_column": "species", "key_column": "island"}, "E206"),
        ({"target_column": "species", "test_fraction": 2}, "E207"),
        ({"target_column": "species", "task": "regression"}, "E209"),
        ({"target_column": "year", "test_fraction": 0.0001}, "E208"),
    ],
)
def test_errors_stop_the_step(split, parameters, code):
    with pytest.raises(ValueError, match=rf"^{code} "):
        split(**parameters)


def test_e201_bigquery(split):
    with pytest.raises(ValueError, match=r"^E201 bq://p.d.t is a BigQuery table"):
        split("bq://p.d.t", target_column="y")
