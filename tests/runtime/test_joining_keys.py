"""Key columns that are lists or objects, against the keys as parse_predictions writes them."""

import pytest
from runtime.test_joining import join, write_parquet, write_predictions

from batchpredict.runtime.results.lines import key_text


@pytest.mark.parametrize(
    ("kind", "values", "keys"),
    [
        ("STRUCT(a INTEGER, b VARCHAR)", [{"a": 7, "b": "ä, x"}, {"a": 8, "b": None}],
         ['{"a":7,"b":"ä, x"}', '{"b": null, "a": 8}']),
        ("INTEGER[]", [[1, 2], []], ["[1, 2]", "[]"]),
        ("DOUBLE[2]", [[1.0, 2.5], [0.0, 1.0]], ["[1.0,2.50]", "[0, 1]"]),
        ("MAP(VARCHAR, INTEGER)", [{"b": 1, "a": 2}, {}], ['{"a": 2, "b": 1}', "{}"]),
        ("STRUCT(a STRUCT(b VARCHAR[]))[]", [[{"a": {"b": ["7"]}}], [{"a": {"b": ["07"]}}]],
         ['[{"a": {"b": ["7"]}}]', '[{"a": {"b": ["07"]}}]']),
    ],
)  # fmt: skip
def test_nested_keys_are_what_they_mean(tmp_path, kind, values, keys):
    rows = [(value, number) for number, value in enumerate([*values, None, values[0]])]
    write_parquet(tmp_path / "table.parquet", [f"k {kind}", "n INTEGER"], rows)
    shown = [(key_text(keys[1]), "second"), (key_text(keys[0]), "first")]
    write_predictions(tmp_path / "predictions.parquet", [*shown, shown[1]])
    names, found, returned = join(tmp_path, tmp_path / "table.parquet", key_column="k")
    assert names[:3] == ["k", "n", "label"]
    assert [row[1:3] for row in found] == [(0, "first"), (1, "second"), (2, None), (3, "first")]
    assert [row[0] for row in found] == [row[0] for row in rows]
    assert returned.rows_with_prediction == 3


def test_a_nested_key_of_no_row_is_named(tmp_path):
    write_parquet(tmp_path / "table.parquet", ["k INTEGER[]"], [([1],)])
    write_predictions(tmp_path / "predictions.parquet", [("[2]", "x"), ("no list", "y")])
    with pytest.raises(ValueError, match=r"^E261 2 of 2 .* \(key '\[2\]'\), .* \(key 'no list'\)"):
        join(tmp_path, tmp_path / "table.parquet", key_column="k")


def test_a_decimal_key_is_no_list(tmp_path):
    write_parquet(tmp_path / "table.parquet", ["k DECIMAL(5, 2)"], [("1.10",)])
    write_predictions(tmp_path / "predictions.parquet", [("1.10", "x")])
    _, found, _ = join(tmp_path, tmp_path / "table.parquet", key_column="k")
    assert [row[1] for row in found] == ["x"]
