import json
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kfp import dsl
from rounds import PREDICTIONS, make_counts, read_table, write_round

from batchpredict.components.merge_retried import merge_retried


class Merged:
    """What merging two rounds wrote."""

    def __init__(self, folder, rounds, **parameters):
        folder = Path(folder)
        self.predictions = dsl.Dataset(uri=str(folder / "predictions"))
        self.failures = dsl.Dataset(uri=str(folder / "failures"))
        self.summary = dsl.Artifact(uri=str(folder / "summary"))
        self.metrics = dsl.Metrics(uri="m")
        self.run = lambda: merge_retried.python_func(
            predictions=self.predictions,
            failures=self.failures,
            summary=self.summary,
            metrics=self.metrics,
            **rounds,
            **parameters,
        )

    def content(self):
        return json.loads(Path(self.summary.path).read_text())


def good(key, instance=None, prediction="1.5"):
    value = float(prediction)
    return {"key": key, "instance": instance, "prediction": prediction, "value": value}


def bad(key, instance=None, source="s", code="INTERNAL"):
    return {"key": key, "instance": instance, "code": code, "source": source}


def merge(folder, first, second, **parameters):
    merged = Merged(folder, {**first, **second}, **parameters)
    merged.run()
    return merged


def first_round(folder, **fields):
    failures = [bad("b"), bad("c", source=None, code="MISSING")]
    counts = make_counts(1, 1, 1)
    return write_round(folder, "first", [good("a")], failures, counts, **fields)


def test_two_rounds_become_one_result(tmp_path):
    first = first_round(tmp_path, files=[{"name": "r"}])
    fields = {"files": [{"name": "r"}], "error_statistics": [{"message": "504", "count": 1}]}
    rows = [good("c", prediction="2.5")]
    second = write_round(tmp_path, "second", rows, [bad("b")], **fields)
    merged = merge(tmp_path, first, second, max_failed=1)
    rows = read_table(merged.predictions.path, "key, instance, prediction")
    assert sorted(rows) == [("a", None, "1.5"), ("c", None, "2.5")]
    assert read_table(merged.failures.path) == [("b", None, "INTERNAL", "s")]
    assert merged.metrics.metadata == make_counts(2, 1)
    assert merged.predictions.metadata == {"rows": 2, "kind": "custom"}
    uris = [Path(it.uri).name for it in (merged.predictions, merged.failures, merged.summary)]
    assert uris == ["predictions.parquet", "failures.parquet", "summary.json"]
    content = merged.content()
    assert content.pop("versions")
    assert content == {
        "format_version": 2,
        "kind": "custom",
        "reconciled": True,
        "matched_by": "key",
        "counts": make_counts(2, 1),
        "rounds": [make_counts(1, 1, 1), make_counts(1, 1)],
        "files": [{"round": 1, "name": "r"}, {"name": "r", "round": 2}],
        "unknown_files": [],
        "error_statistics": [{"message": "504", "count": 1}],
        "labels": {},
        "values": {"count": 2, "min": 1.5, "mean": 2.0, "max": 2.5},
        "score_histogram": [0] * 20,
        "failure_codes": {"INTERNAL": 1},
    }


def test_a_third_round(tmp_path):
    first = first_round(tmp_path)
    second = write_round(tmp_path, "second", [good("c")], [bad("b")])
    twice = merge(tmp_path, first, second, max_failed=1)
    third = write_round(tmp_path, "second", [good("b")], [])
    again = {
        "first_predictions": twice.predictions,
        "first_failures": twice.failures,
        "first_summary": twice.summary,
    }
    (tmp_path / "again").mkdir()
    merged = merge(tmp_path / "again", again, third)
    assert {row[0] for row in read_table(merged.predictions.path)} == {"a", "b", "c"}
    assert merged.content()["rounds"] == [make_counts(1, 1, 1), make_counts(1, 1), make_counts(1)]


def test_without_a_second_round_the_first_stays_where_it_is(tmp_path):
    first = write_round(tmp_path, "first", [good("a")], [])
    first["first_predictions"].metadata["rows"] = 1
    merged = merge(tmp_path, first, {})
    outputs = (merged.predictions, merged.failures, merged.summary)
    assert [it.uri for it in outputs] == [it.uri for it in first.values()]
    assert merged.predictions.metadata == {"rows": 1}
    assert merged.metrics.metadata == make_counts(1)


@pytest.mark.parametrize("empty", ["first", "second"])
def test_a_round_without_rows_has_no_say_in_the_columns(tmp_path, empty):
    other = {**PREDICTIONS, "vector": "DOUBLE[]"}
    rows = {"first": [], "second": []}
    rows["second" if empty == "first" else "first"] = [good("a")]
    failed = {"first": [bad("b")], "second": [bad("b")]}
    if empty == "first":
        failed = {"first": [bad("a")], "second": []}
    rounds = {}
    for name in ("first", "second"):
        columns = other if name == empty else PREDICTIONS
        rounds |= write_round(tmp_path, name, rows[name], failed[name], columns=columns)
    merged = merge(tmp_path, rounds, {}, max_failed=1)
    assert read_table(merged.predictions.path, "key") == [("a",)]


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({**PREDICTIONS, "vector": "DOUBLE[]"}, "only the first has none, .* vector DOUBLE"),
        ({**PREDICTIONS, "prediction": "DOUBLE"}, "first has prediction VARCHAR, .* DOUBLE"),
        (dict(reversed(PREDICTIONS.items())), "only the first has none, only the second none"),
    ],
)
def test_e274_the_columns_of_another_kind(tmp_path, columns, told):
    second = write_round(tmp_path, "second", [good("b"), good("c")], [], columns=columns)
    with pytest.raises(ValueError, match=rf"^E274 .*{told}"):
        merge(tmp_path, first_round(tmp_path), second)


@pytest.mark.parametrize("keys", ["b", "bcd"])
def test_e275_the_rounds_do_not_add_up(tmp_path, keys):
    second = write_round(tmp_path, "second", [good(key) for key in keys], [])
    told = f"E275 the rounds do not add up: 2 of 3 input rows were to be .* {len(keys)} were"
    with pytest.raises(ValueError, match=told):
        merge(tmp_path, first_round(tmp_path), second)


@pytest.mark.parametrize("name", ["first", "second"])
@pytest.mark.parametrize(
    ("predicted", "failed", "counts"),
    [
        ("a", "b", (2, 0)),
        ("a", "b", (0, 2)),
        ("ab", "", (1, 1)),
        ("a", "b", (1, 0)),
        ("a", "", (1, 1)),
        ("ab", "b", (1, 1)),
    ],
)
def test_e275_tables_and_summary_are_of_different_results(
    tmp_path, name, predicted, failed, counts
):
    rounds = {**first_round(tmp_path), **write_round(tmp_path, "second", [good("b")], [bad("c")])}
    tables = [good(key) for key in predicted], [bad(key) for key in failed]
    rounds |= write_round(tmp_path, name, *tables, make_counts(*counts))
    with pytest.raises(ValueError, match=rf"^E275 the summary of the {name} round counts"):
        merge(tmp_path, rounds, {}, max_failed=3)


def test_rows_that_could_not_be_read_stand_for_named_ones(tmp_path):
    failures = [bad("b", source=None, code="E222"), bad(None, code="E222")]
    first = write_round(tmp_path, "first", [good("a")], failures, make_counts(1, 1))
    failures = [bad("b", source=None, code="E222"), bad(None, code="E222")]
    second = write_round(tmp_path, "second", [], failures, make_counts(0, 1))
    merged = merge(tmp_path, first, second, max_failed=1)
    assert len(read_table(merged.failures.path)) == 2
    assert merged.content()["counts"] == make_counts(1, 1)


@pytest.mark.parametrize("keys", ["ac", "bb"])
def test_e276_a_row_predicted_in_both_rounds(tmp_path, keys):
    second = write_round(tmp_path, "second", [good(key) for key in keys], [])
    with pytest.raises(ValueError, match=rf"^E276 1 rows .* the key '{keys[0]}'"):
        merge(tmp_path, first_round(tmp_path), second)


def test_e276_a_row_that_failed_was_not_retried(tmp_path):
    second = write_round(tmp_path, "second", [good("b")], [bad("x")])
    with pytest.raises(ValueError, match=r"^E276 1 rows .* the key 'x'"):
        merge(tmp_path, first_round(tmp_path), second, max_failed=1)


@pytest.mark.parametrize(
    ("instance", "passes"),
    [("[2.0]", True), ('{"b":2}', True), ('{"b":2, "id": 9}', False), ("[1]", False)],
)
def test_e276_by_instance(tmp_path, instance, passes):
    """The first failure names the input line, the second output shows what the model got."""
    failures = [bad(None, '{"id": 5, "b": 2}', source=None, code="MISSING")]
    first = write_round(
        tmp_path,
        "first",
        [good(None, "[1]")],
        failures,
        make_counts(1, 0, 1),
        matched_by="instance",
    )
    second = write_round(tmp_path, "second", [good(None, instance)], [], matched_by="instance")
    if passes:
        merge(tmp_path, first, second, included_fields=["b"])
        return
    with pytest.raises(ValueError, match=r"^E276 1 rows .* such as an instance"):
        merge(tmp_path, first, second, included_fields=["b"])


@pytest.mark.parametrize(("one", "two"), [("key", "instance"), ("instance", "key")])
def test_rounds_that_were_matched_by_different_things(tmp_path, one, two):
    """An output without rows shows nothing of how its rows would be told apart."""
    rows = {"key": [("a", '{"key": "a", "x": 1}'), ("b", '{"key": "b", "x": 2}')]}
    rows["instance"] = [(None, instance) for _, instance in rows["key"]]
    failures = [bad(*row, source=None, code="MISSING") for row in rows[one]]
    first = write_round(tmp_path, "first", [], failures, make_counts(0, 0, 2), matched_by=one)
    answers = [good(*rows[two][0]), bad(*rows[two][1])]
    second = write_round(tmp_path, "second", answers[:1], answers[1:], matched_by=two)
    assert merge(tmp_path, first, second, max_failed=1).content()["matched_by"] == two
    answers = [good(*rows[two][0]), good(*rows[two][0])]
    second = write_round(tmp_path, "second", answers, [], matched_by=two)
    with pytest.raises(ValueError, match=r"^E276 "):
        merge(tmp_path, first, second)


@pytest.mark.parametrize("name", ["failed", "missing"])
def test_e223_thresholds_count_the_merged_rows(tmp_path, name):
    counts = make_counts(1, **{name: 1})
    second = write_round(tmp_path, "second", [good("c")], [bad("b")], counts)
    with pytest.raises(ValueError, match=rf"^E223 1 of 3 rows {name}"):
        merge(tmp_path, first_round(tmp_path), second)
    assert len(read_table(str(tmp_path / "predictions.parquet"))) == 2
    assert (tmp_path / "summary.json").exists()
    (tmp_path / "again").mkdir()
    limit = {f"max_{name}": 0.4}
    assert merge(tmp_path / "again", first_round(tmp_path), second, **limit)


def test_e207_threshold_below_zero(tmp_path):
    with pytest.raises(ValueError, match=r"^E207 max_missing"):
        merge(tmp_path, first_round(tmp_path), {}, max_missing=-1)


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_every_row_is_in_one_table_once(data):
    """Two rounds over a multiset, and a fault planted in some of the second ones."""
    keys = data.draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=10))
    by = data.draw(st.sampled_from(["key", "instance"]))
    fates = [data.draw(st.sampled_from("pfm")) for _ in keys]
    first = [(key, data.draw(st.sampled_from("pfm"))) for key in keys]
    retried = [key for key, fate in first if fate != "p"]
    second = [(key, fate) for key, fate in zip(retried, fates, strict=False)]
    fault = data.draw(st.sampled_from(["none", "none", "swap", "drop", "twice"]))
    known = Counter(retried)
    if second and fault == "swap":
        place = data.draw(st.integers(0, len(second) - 1))
        second[place] = (data.draw(st.sampled_from("abc")), second[place][1])
    elif second and fault == "drop":
        second.pop()
    elif second and fault == "twice":
        second.append(second[0])

    def rows(results, wanted, make):
        shown = [
            (k, None) if by == "key" else (None, f'{{"k": "{k}"}}')
            for k, f in results
            if f in wanted
        ]
        return [make(*it) for it in shown]

    with tempfile.TemporaryDirectory() as folder:
        rounds = {}
        for name, results in (("first", first), ("second", second)):
            tally = Counter(fate for _, fate in results)
            tables = rows(results, "p", good), rows(results, "fm", bad)
            counts = make_counts(tally["p"], tally["f"], tally["m"])
            rounds |= write_round(Path(folder), name, *tables, counts, matched_by=by)
        if Counter(key for key, _ in second) != known:
            with pytest.raises(ValueError, match=r"^E27[56] "):
                merge(folder, rounds, {}, max_failed=1e9, max_missing=1e9)
            return
        merged = merge(folder, rounds, {}, max_failed=1e9, max_missing=1e9)
        column = "key" if by == "key" else "json_extract_string(instance, '$.k')"
        predictions = Counter(row[0] for row in read_table(merged.predictions.path, column))
        failures = Counter(row[0] for row in read_table(merged.failures.path, column))
        counts = merged.content()["counts"]
    assert predictions + failures == Counter(keys)
    assert failures == Counter(key for key, fate in second if fate != "p")
    assert (
        counts["input"] == len(keys) == sum(counts[n] for n in ("predicted", "failed", "missing"))
    )
