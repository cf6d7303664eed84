"""A CSV file as the rows that were predicted, matched with each form of an output."""

import pytest

TABLE = 'key,age,city\na,41,Rome\nb,42.50,"A ""B"", C"\nc,,NA\n'


def lines(*rows):
    return "".join(f"{row}\n" for row in rows)


def test_by_key_the_missing_row_is_named(parse):
    output = lines(*(f'{{"key": "{key}", "prediction": 1.5}}' for key in "ab"))
    parsed = parse(output, instances=TABLE, instances_name="table.csv", max_missing=1)
    assert parsed.counts == (2, 0, 1)
    assert parsed.failure["key"] == "c"
    assert parsed.failure["instance"] == '{"key":"c","age":"","city":"NA"}'


def test_as_automl_repeats_it_in_csv(parse):
    table = TABLE.replace("key", "id")
    header, *rows = table.splitlines()
    output = lines(f"{header},predicted_y", *(f"{row},{n}.5" for n, row in enumerate(rows)))
    parsed = parse({"predictions_1.csv": output}, instances=table, instances_name="table.csv")
    assert parsed.counts == (3, 0, 0)
    assert parsed.summary["matched_by"] == "instance"


def test_as_the_list_that_a_custom_model_gets(parse):
    output = lines(
        '{"instance": [42.5, "A \\"B\\", C"], "prediction": 1}',
        '{"instance": [41.0, "Rome"], "prediction": 2}',
    )
    table = TABLE.replace("key,", "").replace("a,41", "41").replace("b,42", "42")
    table = table.replace("c,,NA\n", "40,Oslo\n")
    parsed = parse(output, instances=table, instances_name="table.csv", max_missing=1)
    assert parsed.counts == (2, 0, 1)
    assert parsed.failure["instance"] == '{"age":"40","city":"Oslo"}'


def test_a_cell_with_line_ends_and_a_last_row_without_one(parse):
    table = 'key,x\na,"1\r\n2"\nb,3'
    parsed = parse('{"key": "a", "prediction": 1}\n', instances=table, instances_name="t.csv",
                   max_missing=1)  # fmt: skip
    assert parsed.counts == (1, 0, 1)
    assert parsed.failure["instance"] == '{"key":"b","x":"3"}'


@pytest.mark.parametrize("row", ["b,1,", "b", 'b,"1', f"b,{'m' * 2**24}"])
def test_e202_a_row_that_is_none_is_named(parse, row):
    table = f"key,x\na,1\n{row}\nc,2\n"
    parsed = parse('{"key": "a", "prediction": 1}\n', instances=table, instances_name="t.csv")
    assert parsed.error.startswith("E202 the instances ")
    assert "t.csv are not readable as CSV: line 3: " in parsed.error


def test_the_same_row_twice_is_two_rows(parse):
    output = lines(*['{"instance": [1.0, 2.0], "prediction": 1}'] * 2)
    parsed = parse(output, instances="x,y\n1,2\n" * 1 + "1,2\n" * 2, instances_name="t.csv")
    assert parsed.error.startswith("E223")
    assert parsed.metrics["missing"] == 1


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (b"key,key\na,b\n", "stands twice"),
        (b"key,x\na\n", "not readable as CSV"),
        (b'key,x\na,"1\n', "not readable as CSV"),
        (b"key,x\na,\xff\n", "CSV"),
        (b"\xff\xfe\n", "neither CSV"),
        (b"", "no names"),
    ],
)
def test_e202_no_csv(parse, table, reason):
    parsed = parse('{"key": "a", "prediction": 1}\n', instances=table, instances_name="t.csv")
    assert parsed.error.startswith("E202")
    assert reason in parsed.error


def test_without_rows_in_the_output_the_header_tells_of_keys(parse):
    parsed = parse("", instances=TABLE, instances_name="t.csv", max_missing=3)
    assert parsed.counts == (0, 0, 3)
    assert sorted(row["key"] for row in parsed.failures) == ["a", "b", "c"]


def test_e206_without_the_key(parse):
    parsed = parse('{"key": "a", "prediction": 1}\n', instances="id\na\n", instances_name="t.csv")
    assert parsed.error.startswith("E206 line 1 of the instances has no key in its field 'key'")
