"""CSV output in both spellings (section 7)."""

import json

import pytest

FILE = "predictions_1.csv"


def exact(text):
    """Parse JSON and keep its numbers as they are written."""
    return json.loads(text, parse_float=str, parse_int=str)


def test_regression(parse):
    parsed = parse(
        {FILE: "Age,Zip,Note,predicted_Deposit\n41,00501,,2.6457513110645907\n9,10,x y,-2e-3\n"}
    )
    first, second = sorted(parsed.rows, key=lambda row: row["value"], reverse=True)
    assert exact(first.pop("instance")) == {"Age": "41", "Zip": "00501", "Note": ""}
    assert exact(first.pop("prediction")) == {"value": "2.6457513110645907"}
    assert first == {"value": 2.6457513110645907, "source": FILE}
    assert exact(second["prediction"]) == {"value": "-2e-3"}
    assert second["value"] == -0.002
    assert parsed.summary["kind"] == "regression"
    assert parsed.counts == (2, 0, 0)


@pytest.mark.parametrize("ending", ["score", "scores"])
def test_classification(parse, ending):
    parsed = parse(
        {
            FILE: f"key,Age,Deposit_1_{ending},Deposit_2_{ending}\n"
            "007,41,0.912375,0.087625\n008,9,0.25,0.75640502071380615\n009,1,0.5,0.5\n"
        }
    )
    assert parsed.column("label") == {"007": "1", "008": "2", "009": "1"}
    assert parsed.column("score") == {"007": 0.912375, "008": 0.7564050207138061, "009": 0.5}
    assert parsed.column("labels")["008"] == ["1", "2"]
    assert parsed.column("scores")["008"] == [0.25, 0.7564050207138061]
    assert exact(parsed.column("prediction")["008"]) == {
        "classes": ["1", "2"],
        "scores": ["0.25", "0.75640502071380615"],
    }
    assert exact(parsed.column("instance")["007"]) == {"key": "007", "Age": "41"}
    assert parsed.summary["kind"] == "classification"


def test_one_class(parse):
    row = parse({FILE: "a,y_x_score\n1,0.5\n"}, target_column="y").row
    assert (row["label"], row["labels"], row["scores"]) == ("x", ["x"], [0.5])


def test_names_of_target_and_classes_with_odd_characters(parse):
    parsed = parse(
        {FILE: 'x,"my t_1_a, ""b""_score","my t_1_ü_é_score"\n5,0.25,0.75\n'},
        target_column="my t_1",
    )
    assert parsed.row["labels"] == ['a, "b"', "ü_é"]
    assert parsed.row["label"] == "ü_é"


AMBIGUOUS = "x,grade_a_one_score,grade_a_two_score\n1,0.25,0.75\n"


def test_two_targets_are_possible(parse):
    assert parse({FILE: AMBIGUOUS}).error.startswith("E227 ")
    assert parse({FILE: AMBIGUOUS}, target_column="grade_a").row["labels"] == ["one", "two"]
    assert parse({FILE: AMBIGUOUS}, target_column="grade").row["labels"] == ["a_one", "a_two"]


def test_an_input_column_that_looks_like_a_score(parse):
    text = "risk_last_score,Deposit_1_score,Deposit_2_score\n700,0.25,0.75\n"
    assert parse({FILE: text}).error.startswith("E227 ")
    row = parse({FILE: text}, target_column="Deposit").row
    assert row["labels"] == ["1", "2"]
    assert exact(row["instance"]) == {"risk_last_score": "700"}


def test_an_input_column_that_looks_like_a_prediction(parse):
    text = "predicted_2030,predicted_Deposit\n700,1.5\n"
    assert parse({FILE: text}).error.startswith("E227 ")
    row = parse({FILE: text}, target_column="Deposit").row
    assert row["value"] == 1.5
    assert exact(row["instance"]) == {"predicted_2030": "700"}


def test_no_column_of_a_prediction(parse):
    assert parse({FILE: "a,b\n1,2\n"}).error.startswith("E227 ")
    text = "a,predicted_y\n1,2\n"
    error = parse({FILE: text}, target_column="z").error
    assert error.startswith("E227 ")
    assert "z" in error


def test_columns_in_alphabetical_order(parse):
    parsed = parse(
        {
            "prediction.results-00000-of-00002.csv": "Age,Job,key,predicted_D\n41,clerk,a,1\n",
            "prediction.results-00001-of-00002.csv": "key,predicted_D,Job,Age\nb,2,cook,9\n",
        }
    )
    assert parsed.column("value") == {"a": 1.0, "b": 2.0}
    instances = {key: exact(text) for key, text in parsed.column("instance").items()}
    assert instances == {
        "a": {"Age": "41", "Job": "clerk", "key": "a"},
        "b": {"Age": "9", "Job": "cook", "key": "b"},
    }


def test_every_shard_repeats_the_header(parse):
    name = "prediction.results-{:05d}-of-00004.csv".format
    header = "id,predicted_y\n"
    parsed = parse(
        {
            name(0): header,
            name(1): header + "a,1.5\n",
            name(2): "",
            name(3): header + "b,2\nc,3\n",
        },
        key_field="id",
    )
    assert parsed.column("value") == {"a": 1.5, "b": 2.0, "c": 3.0}
    assert [file["predicted"] for file in parsed.summary["files"]] == [0, 1, 0, 2]
    assert parsed.column("source")["a"] == name(1)


def test_a_quoted_cell_with_newlines(parse):
    text = 'key,memo,predicted_y\na,"two\nlines, ""quoted""\n\nkey,memo",1.5\nb,x,2\n'
    parsed = parse({FILE: text})
    assert parsed.column("value") == {"a": 1.5, "b": 2.0}
    memo = exact(parsed.column("instance")["a"])["memo"]
    assert memo == 'two\nlines, "quoted"\n\nkey,memo'


def test_a_cell_beyond_the_limit_of_pythons_csv(parse):
    parsed = parse({FILE: f"key,memo,predicted_y\na,{'m' * 200_000},1.5\n"})
    assert exact(parsed.row["instance"])["memo"] == "m" * 200_000


def test_cells_stay_text(parse):
    cells = ["007", "1.10", "NA", "", "null", "true", " x ", "9007199254740993", "1e999", "NaN"]
    names = [f"c{i}" for i in range(len(cells))]
    parsed = parse({FILE: f"{','.join(names)},predicted_y\n{','.join(cells)},1\n"})
    assert exact(parsed.row["instance"]) == dict(zip(names, cells, strict=True))


def test_a_quantile_cell(parse):
    cell = '{"value":104.5,"quantile_values":[0.1,0.9],"quantile_predictions":[88.25,131.0]}'
    quoted = cell.replace('"', '""')
    parsed = parse({FILE: f'key,day,predicted_sales\na,2031-02-01,"{quoted}"\n'})
    row = parsed.row
    assert row["prediction"] == cell
    assert row["value"] == 104.5
    assert row["quantiles"] == [0.1, 0.9]
    assert row["quantile_predictions"] == [88.25, 131.0]
    assert parsed.summary["kind"] == "forecast"


def test_errors_with_only_a_header(parse):
    parsed = parse({FILE: "key,predicted_y\na,1\n", "errors_1.csv": "key,errors_y\n"})
    assert parsed.counts == (1, 0, 0)
    assert parsed.failures == []


def test_errors_of_rows(parse):
    parsed = parse(
        {
            FILE: "key,Age,predicted_y\na,41,1\n",
            "errors_1.csv": 'key,Age,errors_y\nb,x,"Age: ""x"" is no number"\n',
        },
        instances='{"key": "a", "Age": "41"}\n{"key": "b", "Age": "x"}\n',
        max_failed=1,
    )
    assert parsed.counts == (1, 1, 0)
    failure = parsed.failure
    assert exact(failure.pop("instance")) == {"key": "b", "Age": "x"}
    assert failure == {
        "key": "b",
        "code": "ERROR",
        "message": 'Age: "x" is no number',
        "source": "errors_1.csv",
    }


def test_a_predicted_cell_that_is_no_number(parse):
    texts, blanks = ["n/a", "1,5", "0x1F", "1_000", "true"], ["", "NaN", "inf", "1e999", " "]
    odd = "".join(f'"odd {cell}","{cell}"\n' for cell in [*texts, *blanks])
    parsed = parse({FILE: f"key,predicted_y\na,1.5\n{odd}b,2\n"}, kind="regression", max_failed=5)
    values = {row["key"]: row.get("value") for row in parsed.rows}
    assert values == {"a": 1.5, "b": 2.0, **{f"odd {cell}": None for cell in texts}}
    assert all(row["note"] for row in parsed.rows if "odd" in row["key"])
    assert sorted(row["key"] for row in parsed.failures) == sorted(f"odd {it}" for it in blanks)
    assert {row["raw"] for row in parsed.failures} == {f"odd {cell},{cell}" for cell in blanks}


def test_a_score_cell_that_is_no_number(parse):
    text = 'key,memo,y_n_score,y_p_score\na,b,0.25,0.75\nodd,"x, y",,0.75\nb,b,0.75,0.25\n'
    parsed = parse({FILE: text}, max_failed=1)
    assert parsed.column("label") == {"a": "p", "b": "n"}
    failure = parsed.failure
    assert (failure["key"], failure["code"]) == ("odd", "E222")
    assert failure["raw"] == 'odd,"x, y",,0.75'
    assert exact(failure["instance"]) == {"key": "odd", "memo": "x, y"}


@pytest.mark.parametrize("odd", ["a,1", "a,1,2,3", 'a,"1,2'])
def test_a_row_with_too_few_or_too_many_cells_costs_one_row(parse, odd):
    text = f"key,x,predicted_y\nfirst,1,2\n{odd}\n"
    parsed = parse({FILE: text}, max_failed=1)
    assert parsed.counts == (1, 1, 0)
    assert parsed.row["key"] == "first"
    assert parsed.failure["code"] == "E222"
    assert parsed.failure["raw"] == odd
    assert parsed.failure["message"] == "line 3: not as many cells as columns"


def test_two_columns_of_one_name(parse):
    assert parse({FILE: "x,x,predicted_y\n1,2,3\n"}).error.startswith("E228 ")
    assert parse({FILE: "x,predicted_y,predicted_y\n1,2,3\n"}).error.startswith("E228 ")


def test_shards_with_different_columns(parse):
    files = {"predictions_1.csv": "a,predicted_y\n1,2\n", "predictions_2.csv": "a,b\n1,2\n"}
    assert parse(files).error.startswith(("E221 ", "E227 ", "E228 "))


def test_byte_order_mark_and_crlf(parse):
    text = "\ufeffkey,predicted_y\r\na,1.5\r\n\r\nb,2\r\n"
    assert parse({FILE: text}).column("value") == {"a": 1.5, "b": 2.0}


def test_the_old_name_of_tables(parse):
    parsed = parse({"tables_1.csv": "key,y_n_score,y_p_score\na,0.25,0.75\n"})
    assert parsed.column("label") == {"a": "p"}
    assert parsed.column("source") == {"a": "tables_1.csv"}


def test_line_ends_and_control_characters_in_cells(parse):
    memo = "a\r\nb\x01c\td \u2028 e\x85f"
    text = f'key,memo,predicted_y\na,"{memo}",1.5\nb,x,2\n'
    parsed = parse({FILE: text})
    assert parsed.column("value") == {"a": 1.5, "b": 2.0}
    assert exact(parsed.column("instance")["a"])["memo"] == memo


@pytest.mark.parametrize("odd", [b"\xff", b"\x00", b"m" * 18_000_000])
def test_one_odd_cell_is_a_named_error_or_one_row(parse, odd):
    text = b"key,memo,predicted_y\na,x,1.5\nodd," + odd + b",2\nb,y,3\n"
    parsed = parse({FILE: text}, max_failed=1)
    if not parsed.error.startswith("E202 "):
        assert sum(parsed.counts) == 3
        values = {row["key"]: row["value"] for row in parsed.rows}
        assert (values["a"], values["b"]) == (1.5, 3.0)


def test_a_class_called_like_json(parse):
    text = 'key,"y_a""b_score","y_\\_score",y_é_score\na,0.25,0.5,0.25\n'
    assert parse({FILE: text}, target_column="y").row["labels"] == ['a"b', "\\", "é"]


def test_a_number_that_is_no_json(parse):
    cells = {"007.5": 7.5, ".5": 0.5, "5.": 5.0, "+1": 1.0, " 1 ": 1.0, "1E5": 100000.0}
    text = "".join(f"{cell.strip()}|,{cell}\n" for cell in cells)
    parsed = parse({FILE: f"key,predicted_y\n{text}ok,1\n"}, max_failed=9)
    assert sum(parsed.counts) == 7
    for row in parsed.rows:
        assert row.get("value", cells.get(row["key"].rstrip("|"), 1.0)) in (*cells.values(), 1.0)
        exact(row["prediction"])
