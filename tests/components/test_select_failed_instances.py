import json
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kfp import dsl
from rounds import FAILURES, make_counts, write_summary, write_table

from batchpredict.components.select_failed_instances import select_failed_instances


def select(folder, content, failures, counts, matched_by="key", kind="custom", **parameters):
    """Run the step; return what it returns and the lines that it wrote."""
    path = Path(folder) / "instances.jsonl"
    path.write_bytes(content)
    target = dsl.Dataset(uri=str(Path(folder) / "retry"))
    outputs = select_failed_instances.python_func(
        failures=write_table(Path(folder) / "f.parquet", failures, FAILURES),
        summary=write_summary(Path(folder) / "s.json", counts, matched_by=matched_by, kind=kind),
        instances=dsl.Dataset(uri=str(path)),
        retry_instances=target,
        **parameters,
    )
    written = Path(target.path).read_bytes()
    assert target.metadata == {"rows": outputs.rows}
    assert outputs.retry_uris == [target.uri]
    return outputs, written.splitlines(keepends=True)


def failed(key, instance=None, source="s"):
    return {"key": key, "instance": instance, "code": "INTERNAL", "source": source}


def missing(key, instance, code="MISSING"):
    return {"key": key, "instance": instance, "code": code, "source": None}


def test_the_lines_are_written_as_they_stand(tmp_path):
    lines = [b'{"key":"a","x":1.10}\n', b' {"x" : 2, "key": "b"}\r\n', b"\n", b'{"key": 3}']
    failures = [failed("3"), missing("b", '{"x" : 2, "key": "b"}')]
    counts = make_counts(1, 1, 1)
    outputs, written = select(tmp_path, b"".join(lines), failures, counts)
    assert written == [lines[1], lines[3] + b"\n"]
    assert outputs._asdict() == {
        "retry_uris": [str(tmp_path / "retry.jsonl")],
        "rows": 2,
        "key_field": "key",
        "kind": "custom",
    }


def test_a_key_that_stands_three_times_and_failed_once(tmp_path):
    content = b'{"key": "a"}\n{"key": "b"}\n' + b'{"key": "a"}\n' * 2
    outputs, written = select(tmp_path, content, [failed("a")], make_counts(3, 1))
    assert (outputs.rows, written) == (1, [b'{"key": "a"}\n'])


def test_of_equal_keys_the_failed_instance_is_taken(tmp_path):
    content = b'{"key": "a", "x": 1}\n{"key": "a", "x": 2}\n{"key": "a", "x": 3}\n'
    failures = [failed("a", '{"x": 3.0, "key": "a"}'), failed("a", '{"key": "a", "x": 2}')]
    _, written = select(tmp_path, content, failures, make_counts(1, 2))
    assert written == content.splitlines(keepends=True)[1:]


def test_the_key_goes_before_an_instance_that_says_otherwise(tmp_path):
    content = b'{"key": "a", "x": 1}\n{"key": "b", "x": 2}\n{"key": "b", "x": 3}\n'
    failures = [failed("b", '{"key": "a", "x": 1}')]
    _, written = select(tmp_path, content, failures, make_counts(2, 1))
    assert written == content.splitlines(keepends=True)[1:2]


def test_an_unreadable_output_row_is_not_selected_twice(tmp_path):
    content = b'{"key": "a"}\n{"key": "b"}\n{"key": "c"}\n'
    failures = [failed(None), failed(None, '{"x": 1}'), missing("b", '{"key": "b"}', "E222")]
    failures.append(missing("c", '{"key": "c"}', "E222"))
    _, written = select(tmp_path, content, failures, make_counts(1, 2))
    assert written == [b'{"key": "b"}\n', b'{"key": "c"}\n']


def test_without_keys_the_instances_decide(tmp_path):
    content = b'[1, 2]\n[1, 2.0]\n"b"\n{"a": 1, "b": [NaN]}\n[3]\n'
    failures = [failed(None, "[1.0,2]"), missing(None, '{"b": ["NaN"], "a": 1}'), failed(None)]
    failures.append(missing(None, "[3]", "E222"))
    counts = make_counts(2, 2, 1)
    _, written = select(tmp_path, content, failures, counts, "instance")
    assert written == [content.splitlines(keepends=True)[n] for n in (0, 3, 4)]


def test_the_output_shows_the_included_fields_only(tmp_path):
    content = b'{"id": 7, "a": 1.1, "b": 2}\n{"id": 8, "a": 1.1, "b": 2}\n'
    failures = [failed(None, "[1.10, 2]"), missing(None, '{"id": 7, "a": 1.1, "b": 2}')]
    parameters = {"matched_by": "instance", "included_fields": ["a", "b"]}
    _, written = select(tmp_path, content, failures, make_counts(0, 1, 1), **parameters)
    assert written == content.splitlines(keepends=True)
    _, written = select(tmp_path, content, failures[1:], make_counts(1, 0, 1), **parameters)
    assert written == content.splitlines(keepends=True)[:1]


def test_a_list_is_what_the_model_got_of_an_object_without_its_key(tmp_path):
    content = b'{"key": 7, "a": 1, "b": 2}\n{"key": 8, "a": 1, "b": 3}\n'
    _, written = select(
        tmp_path, content, [failed(None, "[1.0, 3]")], make_counts(1, 1), "instance"
    )
    assert written == content.splitlines(keepends=True)[1:]


ECHOES = {
    # As the output repeats it, and two input lines: the first one predicted, the second failed.
    "gemini": (
        '{"contents": [{"parts": [{"text": "b", "file_data": null}]}], "tools": null}',
        b'{"request": {"contents": [{"parts": [{"text": "a"}]}]}}\n',
        b'{"request": {"contents":[{"parts":[{"text":"b"}]}], "seed": null}}\n',
    ),
    "custom": ('{"data": [1.0, 2]}', b"[1, 3]\n", b"[1, 2]\n"),
    "part": ('{"b": 2}', b'{"id": 1, "b": 1}\n', b'{"id": 2, "b": 2.0}\n'),
    "regression": (
        '{"a": "1.0", "b": "x", "c": ""}',
        b'{"a": 1, "b": "y", "c": null}\n',
        b'{"a": 1, "b": "x", "c": null}\n',
    ),
}


@pytest.mark.parametrize(
    ("kind", "key"), [*((kind, None) for kind in ECHOES), ("gemini", "k"), ("part", "k")]
)
def test_the_line_is_found_however_the_output_repeats_it(tmp_path, kind, key):
    echo, first, second = ECHOES[kind]
    by = "key" if key else "instance"
    if key:
        first, second = (b'{"key": "k", ' + line[1:] for line in (first, second))
    failures = [failed(key, echo), missing(key, second.decode())]
    parameters = {"kind": kind, "matched_by": by}
    _, written = select(tmp_path, first + second * 2, failures, make_counts(1, 1, 1), **parameters)
    assert written == [second, second]


def test_a_file_list(tmp_path):
    content = b"gs://b/one.png\ngs://b/two.png\n"
    failures = [failed(None, '"gs://b/two.png"')]
    _, written = select(tmp_path, content, failures, make_counts(1, 1), "instance")
    assert written == content.splitlines(keepends=True)[1:]


@pytest.mark.parametrize(
    "parameters",
    [{"key_field": "id"}, {"job_key_field": "id"}, {"job_key_field": "id", "key_field": "x"}],
)
def test_the_key_field_of_the_job_goes_first(tmp_path, parameters):
    outputs, written = select(
        tmp_path, b'{"id": "a"}\n{"id": "b"}\n', [failed("b")], make_counts(1, 1), **parameters
    )
    assert (written, outputs.key_field) == ([b'{"id": "b"}\n'], "id")


@pytest.mark.parametrize(
    ("told", "predicted", "kind"),
    [("custom", 0, "auto"), ("custom", 1, "custom"), ("gemini", 0, "gemini")],
)
def test_the_kind_is_kept_unless_nothing_showed_it(tmp_path, told, predicted, kind):
    content = b'{"key": "a"}\n{"key": "b"}\n'[: None if predicted else 13]
    failures = [failed("a")]
    outputs, _ = select(tmp_path, content, failures, make_counts(predicted, 1), kind=told)
    assert outputs.kind == kind


def test_nothing_failed(tmp_path):
    outputs, written = select(tmp_path, b'{"key": "a"}\n', [], make_counts(1))
    assert (outputs.rows, written) == (0, [])


@pytest.mark.parametrize(
    ("failure", "by", "shown"),
    [
        (failed("b"), "key", "the key 'b'"),
        (failed("3", '{"key": "a"}'), "key", "the key '3'"),
        (failed(None, '{"key": "b"}'), "instance", 'the instance \'{"key": "b"}\''),
    ],
)
def test_e272_a_failure_of_no_instance(tmp_path, failure, by, shown):
    failures = [failed("a", '{"key": "a"}'), failure]
    with pytest.raises(ValueError, match=r"^E272 ") as error:
        select(tmp_path, b'{"key": "a"}\n{"key": "c"}\n', failures, make_counts(0, 2), by)
    assert shown in str(error.value)


def test_e272_a_key_fails_more_often_than_it_stands_there(tmp_path):
    with pytest.raises(ValueError, match=r"^E272 .* the key 'a'"):
        select(tmp_path, b'{"key": "a"}\n', [failed("a")] * 2, make_counts(0, 2))


@pytest.mark.parametrize("counts", [make_counts(2, 1), make_counts(0, 2), make_counts(0, 1, 1)])
def test_e273_the_counts_of_another_result(tmp_path, counts):
    with pytest.raises(ValueError, match=r"^E273 "):
        select(tmp_path, b'{"key": "a"}\n{"key": "b"}\n', [failed("a")], counts)


@pytest.mark.parametrize("name", ["duplicate", "unexpected"])
def test_e273_a_result_with_rows_of_no_input_row(tmp_path, name):
    counts = {**make_counts(1, 1), name: 1}
    with pytest.raises(ValueError, match=r"^E273 .*cannot be retried; parse the right output"):
        # Before the instances are read, which are no JSON here.
        select(tmp_path, b"{\n", [failed("a")], counts)
    assert not (tmp_path / "retry.jsonl").exists()


@pytest.mark.parametrize("content", [b"{\n", b"\xff\n", b"[" * 5000])
def test_e202_instances_that_are_no_json(tmp_path, content):
    with pytest.raises(ValueError, match=r"^E202 line 2 of the instances"):
        select(tmp_path, b"1\n" + content, [], make_counts(2))


def test_e203_a_table_that_is_no_failures(tmp_path):
    table = write_table(tmp_path / "t.parquet", [{"key": "a"}], {"key": "VARCHAR"})
    with pytest.raises(ValueError, match=r"^E203 failures .* has no column 'instance'"):
        select_failed_instances.python_func(
            failures=table,
            summary=write_summary(tmp_path / "s.json", make_counts(1)),
            instances=table,
            retry_instances=dsl.Dataset(uri=str(tmp_path / "r")),
        )


keys = st.sampled_from(["a", "b", "0", 0, "é\0", "😀"]) | st.integers(-2, 2)
numbers = st.sampled_from([0, 1, 1.0, 2.5])


def spelt(draw, row):
    """Write a row in one of many ways."""
    names = draw(st.permutations(list(row)))
    text = json.dumps(
        {name: row[name] for name in names},
        ensure_ascii=draw(st.booleans()),
        separators=draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,", " :\t")])),
    )
    return draw(st.sampled_from(["", " "])) + text + draw(st.sampled_from(["", " ", "\r"]))


def text_of(key):
    return key if isinstance(key, str) else json.dumps(key)


def identity_of(row):
    return json.dumps({k: float(v) if k == "x" else v for k, v in row.items()}, sort_keys=True)


def draw_round(data):
    """Draw rows, their lines, and what became of each."""
    rows = data.draw(st.lists(st.fixed_dictionaries({"key": keys, "x": numbers}), max_size=12))
    lines = [spelt(data.draw, row) for row in rows]
    fates = [
        data.draw(st.sampled_from(["good", "good", "failed", "missing", "unread"])) for _ in rows
    ]
    content = "".join(f"{line}\n{data.draw(st.sampled_from(['', ' ']))}" for line in lines)
    if content.endswith("\n") and data.draw(st.booleans()):
        content = content[:-1]
    return rows, lines, fates, content.encode()


def is_part(written, lines):
    """Whether the written lines stand in the input in this order."""
    rest = iter(lines)
    return all(line in rest for line in written)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_exactly_the_failed_rows_are_written(data):
    rows, lines, fates, content = draw_round(data)
    by = data.draw(st.sampled_from(["key", "instance"]))
    bare = by == "key" and data.draw(st.booleans())
    failures = []
    for row, line, fate in zip(rows, lines, fates, strict=True):
        key = text_of(row["key"]) if by == "key" or data.draw(st.booleans()) else None
        if fate == "failed":
            failures.append(failed(key, None if bare else spelt(data.draw, row).strip()))
        elif fate != "good":
            failures.append(missing(key, None if bare else line.strip()))
        if fate == "unread":
            failures.append(
                failed(None, data.draw(st.sampled_from([None, "{}"])))
                if by == "key"
                else failed(None)
            )
    tally = Counter(fates)
    counts = make_counts(tally["good"], tally["failed"] + tally["unread"], tally["missing"])
    with tempfile.TemporaryDirectory() as folder:
        failures = data.draw(st.permutations(failures))
        outputs, written = select(folder, content, failures, counts, by)
    wanted = [row for row, fate in zip(rows, fates, strict=True) if fate != "good"]
    found = [json.loads(line) for line in written]
    assert outputs.rows == len(found) == len(wanted)
    assert is_part([line.strip() for line in written], [line.strip().encode() for line in lines])
    name = (lambda row: text_of(row["key"])) if bare else identity_of
    assert Counter(map(name, found)) == Counter(map(name, wanted))
