"""Whatever a table holds, each of its rows is an instance once, with its key and its digits."""

import csv
import json
import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kfp import dsl

from batchpredict.components.prepare_instances import prepare_instances
from batchpredict.local.vertex.batch.csv_rows import CsvCells


def json_rows(path):
    """Return the lines of a file, numbers as their digits."""
    decode = json.JSONDecoder(parse_int=str, parse_float=str).decode
    return [decode(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


NUMBERS = st.one_of(
    st.integers(-(10**30), 10**30).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=4).map(lambda it: format(it, "f")),
    st.sampled_from(["1.10", "-0", "0.0", "-2e5", "1E-7", "9007199254740993"]),
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
ROWS = st.lists(st.tuples(NUMBERS, TEXTS, NUMBERS), min_size=1, max_size=8)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=ROWS, shard_rows=st.integers(0, 4), order=st.permutations(["n", "t", "m"]))
def test_every_row_is_there_once_with_its_key_and_its_digits(rows, shard_rows, order):
    cells = [{"n": n, "t": f"t{t}", "m": m} for n, t, m in rows]
    plain = [cell for cell in cells if not {"\n", "\r"} & set(cell["t"])]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with open(folder / "table.csv", "w", newline="", encoding="utf-8") as file:
            target = csv.DictWriter(file, ["n", "t", "m"], quoting=csv.QUOTE_ALL)
            target.writeheader()
            target.writerows(cells)
        arguments = {
            "dataset": dsl.Dataset(uri=str(folder / "table.csv")),
            "include_columns": order,
            "shard_rows": shard_rows,
        }
        run = prepare_instances.python_func
        outputs = run(instances=dsl.Dataset(uri=f"{folder}/json"), **arguments)
        expected = [
            {"key": f"row-{number:06d}", **{column: cell[column] for column in order}}
            for number, cell in enumerate(cells, start=1)
        ]
        assert [row for uri in outputs.instances_uris for row in json_rows(Path(uri))] == expected
        assert outputs.rows == len(rows)
        if len(plain) < len(cells):
            with pytest.raises(ValueError, match=r"^E212 \d+ of \d+ rows .* has a line break"):
                run(
                    instances=dsl.Dataset(uri=f"{folder}/csv"), instances_format="csv", **arguments
                )
            return
        outputs = run(
            instances=dsl.Dataset(uri=f"{folder}/csv"), instances_format="csv", **arguments
        )
        sent = [row for uri in outputs.instances_uris for row in CsvCells(Path(uri), "key").rows()]
        assert [key for key, _ in sent] == [row["key"] for row in expected]
        for cell, (_, values) in zip(cells, sent, strict=True):
            told = dict(zip(order, json.loads(values), strict=True))
            assert told["t"] == cell["t"]
            assert [told[name] for name in "nm"] == [float(Decimal(cell[name])) for name in "nm"]
