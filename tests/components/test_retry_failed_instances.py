"""The circle of a retry by its steps alone: parse, select, predict again, parse, merge."""

import json

import pytest
from kfp import dsl
from rounds import read_table

from batchpredict.components.merge_retried import merge_retried
from batchpredict.components.parse_predictions import parse_predictions
from batchpredict.components.select_failed_instances import select_failed_instances

TABLES = {"predictions": dsl.Dataset, "failures": dsl.Dataset, "summary": dsl.Artifact}
OTHERS = {"metrics": dsl.Metrics, "report": dsl.Markdown}


def parse(folder, rows, instances, **parameters):
    """Parse these rows as the output of these instances; return the tables and the counts."""
    folder.mkdir()
    (folder / "predictions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    outputs = {n: kind(uri=str(folder / f"_{n}")) for n, kind in {**TABLES, **OTHERS}.items()}
    parse_predictions.python_func(
        **outputs,
        output_directory=dsl.Artifact(uri=str(folder)),
        instances=instances,
        max_failed=1e9,
        max_missing=1e9,
        **parameters,
    )
    with open(outputs["summary"].path) as file:
        content = json.load(file)
    return {name: outputs[name] for name in TABLES}, content


def gemini_row(line, fails):
    """A row of Gemini's output: the service adds nulls to the request."""
    request = {**line["request"], "tools": None}
    part = {**request["contents"][0]["parts"][0], "file_data": None}
    request["contents"] = [{"role": "user", "parts": [part]}]
    row = {**line, "request": request, "status": "", "processed_time": "2026-01-01T00:00:00Z"}
    if fails:
        error = {"code": 429, "message": "later", "status": "RESOURCE_EXHAUSTED"}
        return {**row, "status": f"Failed: {json.dumps({'error': error})}", "response": {}}
    answer = {"role": "model", "parts": [{"text": part["text"].upper()}]}
    return {**row, "response": {"candidates": [{"content": answer, "finishReason": "STOP"}]}}


def custom_row(line, fails):
    """A row of a model that gets {"data": …}, as the prebuilt containers of PyTorch."""
    row = {"instance": {"data": line}}
    return {**row, **({"error": {"message": "m"}} if fails else {"prediction": line[0]})}


def tabular_row(line, fails):
    """A row of AutoML, which repeats each value as a text."""
    row = {"instance": {name: str(value) for name, value in line.items()}}
    answer = {"value": 1.0, "lower_bound": 0.5, "upper_bound": 2.0}
    return {**row, **({"error": {"message": "m"}} if fails else {"prediction": answer})}


def request(text, **more):
    return {**more, "request": {"contents": [{"role": "user", "parts": [{"text": text}]}]}}


LINES = {
    "gemini": (gemini_row, [request(text) for text in "abcdea"], {}),
    "gemini-by-key": (
        gemini_row,
        [request(text, custom_id=f"r{n}") for n, text in enumerate("abcdea")],
        {"key_field": "custom_id"},
    ),
    "custom": (custom_row, [[n, n / 2] for n in (1, 2, 3, 4, 5, 1)], {}),
    "regression": (tabular_row, [{"a": n, "b": "x"} for n in (1, 2, 3, 4, 5, 1)], {}),
}


@pytest.mark.parametrize("form", LINES)
def test_every_row_is_predicted_in_the_end(tmp_path, form):
    answer, lines, parameters = LINES[form]
    instances = dsl.Dataset(uri=str(tmp_path / "instances.jsonl"))
    (tmp_path / "instances.jsonl").write_text("".join(json.dumps(it) + "\n" for it in lines))
    # Of the rows a to e and a again, b and d fail, e and the second a are lost.
    rows = [answer(lines[n], n in (1, 3)) for n in (3, 0, 1, 2)]
    first, content = parse(tmp_path / "first", rows, instances, **parameters)
    assert content["matched_by"] == ("key" if parameters else "instance")
    assert content["kind"] == form.partition("-")[0]
    retry = dsl.Dataset(uri=str(tmp_path / "retry"))
    selected = select_failed_instances.python_func(
        failures=first["failures"],
        summary=first["summary"],
        instances=instances,
        retry_instances=retry,
        **parameters,
    )
    with open(retry.path) as file:
        again = [json.loads(line) for line in file]
    open_lines = [json.dumps(lines[n]) for n in (1, 3, 4, 5)]
    assert sorted(map(json.dumps, again)) == sorted(open_lines)
    rows = [answer(line, False) for line in again]
    second, content = parse(tmp_path / "second", rows, retry, kind=selected.kind, **parameters)
    merged = {n: k(uri=str(tmp_path / n)) for n, k in TABLES.items()}
    merge_retried.python_func(
        **merged,
        metrics=(metrics := dsl.Metrics()),
        **{f"first_{name}": artifact for name, artifact in first.items()},
        **{f"second_{name}": artifact for name, artifact in second.items()},
        **parameters,
    )
    told = metrics.metadata
    assert (told["input"], told["predicted"], told["failed"], told["missing"]) == (6, 6, 0, 0)
    shown = [answer(line, False) for line in lines]
    wanted = sorted(json.dumps(row.get("request", row.get("instance"))) for row in shown)
    assert sorted(row[0] for row in read_table(merged["predictions"].path, "instance")) == wanted


def test_a_request_that_was_not_retried_is_refused(tmp_path):
    """The same check, when the second result is of other requests."""
    lines = [request(text) for text in "abc"]
    instances = dsl.Dataset(uri=str(tmp_path / "instances.jsonl"))
    (tmp_path / "instances.jsonl").write_text("".join(json.dumps(it) + "\n" for it in lines))
    first, _ = parse(tmp_path / "first", [gemini_row(lines[0], False)], instances)
    other = dsl.Dataset(uri=str(tmp_path / "other.jsonl"))
    (tmp_path / "other.jsonl").write_text("".join(json.dumps(it) + "\n" for it in lines[:2]))
    second, _ = parse(tmp_path / "second", [gemini_row(it, False) for it in lines[:2]], other)
    with pytest.raises(ValueError, match=r"^E276 1 rows .* such as an instance"):
        merge_retried.python_func(
            **{n: k(uri=str(tmp_path / n)) for n, k in TABLES.items()},
            metrics=dsl.Metrics(),
            **{f"first_{name}": artifact for name, artifact in first.items()},
            **{f"second_{name}": artifact for name, artifact in second.items()},
        )
