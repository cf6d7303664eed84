"""CSV output of custom models, and of jobs with a key field (sections 5.3 and 7)."""

import pytest
from results.test_csv import FILE, exact


def test_class_names_of_a_custom_model(parse):
    text = 'key,predicted_value\n007,cat\n008,dog, big\n009,true\n010,"Sao Paulo"\n'
    text = text.replace("dog, big", '"dog, ""big"""').replace("Sao", "S\u00e3o")
    parsed = parse({FILE: text})
    assert parsed.summary["kind"] == "custom"
    assert parsed.column("label") == {
        "007": "cat",
        "008": 'dog, "big"',
        "009": "true",
        "010": "S\u00e3o Paulo",
    }
    assert parsed.column("prediction")["008"] == '"dog, \\"big\\""'
    assert parsed.column("prediction")["009"] == "true"
    assert parsed.metrics["noted"] == 0


def test_lists_and_objects_of_a_custom_model(parse):
    cells = {
        "list": "[0.25, 0.75]",
        "text": '"[0.25]"',
        "object": '{"label": "b", "score": 0.5, "more": [1.10]}',
        "null": "null",
        "half": "[0.25,",
        "number": "2.50",
        "lines": "[1,\n2]",
    }
    quoted = {key: cell.replace('"', '""') for key, cell in cells.items()}
    rows = "".join(f'{key},"{cell}"\n' for key, cell in quoted.items())
    parsed = parse({FILE: f"key,predicted_value\n{rows}"}, kind="custom")
    rows = {row["key"]: row for row in parsed.rows}
    assert rows["list"]["vector"] == [0.25, 0.75]
    assert rows["text"]["label"] == "[0.25]"
    assert (rows["object"]["label"], rows["object"]["score"]) == ("b", 0.5)
    assert rows["object"]["prediction"] == cells["object"]
    assert rows["null"]["prediction"] == "null"
    assert rows["half"]["label"] == "[0.25,"
    assert rows["number"]["value"] == 2.5
    assert rows["lines"]["vector"] == [1.0, 2.0]
    assert parsed.counts == (len(cells), 0, 0)


def test_labels_given_for_lists_of_scores(parse):
    text = 'key,predicted_value\na,"[0.25, 0.75]"\nb,"[0.625, 0.375]"\n'
    parsed = parse({FILE: text}, labels=["no", "yes"])
    assert parsed.column("label") == {"a": "yes", "b": "no"}
    assert parsed.column("score") == {"a": 0.75, "b": 0.625}


@pytest.mark.parametrize("cell", ["", "NaN", "-inf", "1e999", '{"a": NaN}', '["x",]'])
def test_a_cell_that_holds_no_prediction(parse, cell):
    quoted = '"' + cell.replace('"', '""') + '"' if '"' in cell else cell
    text = f"key,predicted_value\na,cat\nodd,{quoted}\nb,dog\n"
    parsed = parse({FILE: text}, max_failed=1)
    assert parsed.column("label") == {"a": "cat", "b": "dog"}
    failure = parsed.failure
    assert (failure["key"], failure["code"], failure["raw"]) == ("odd", "E222", f"odd,{quoted}")


def test_the_key_column_is_the_key_field_of_the_input(parse):
    parsed = parse(
        {FILE: "key,predicted_value\n7,cat\n007,dog\n"},
        instances='{"id": "007", "x": 1}\n{"id": 7, "x": 2}\n{"id": "8", "x": 3}\n',
        key_field="id",
        max_missing=1,
    )
    assert parsed.counts == (2, 0, 1)
    assert parsed.summary["matched_by"] == "key"
    assert parsed.column("label") == {"7": "cat", "007": "dog"}
    assert all("instance" not in row for row in parsed.rows)
    assert parsed.failure["key"] == "8"
    assert exact(parsed.failure["instance"]) == {"id": "8", "x": "3"}


def test_a_column_key_beside_others_is_a_feature(parse):
    text = "key,id,predicted_y\ncar,1,1.5\nhouse,2,2\n"
    parsed = parse({FILE: text}, key_field="id")
    assert parsed.column("value") == {"1": 1.5, "2": 2.0}
    assert exact(parsed.rows[0]["instance"])["key"] in ("car", "house")
