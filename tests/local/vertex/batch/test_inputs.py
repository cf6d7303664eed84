"""What the model gets for each format of instances, and what the output repeats.

Each table states a sentence of "Get batch predictions from a custom trained model".
"""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types
from local.vertex.batch.test_records import framed

from batchpredict.local.storage.errors import StorageError
from batchpredict.local.storage.objects import ObjectStore
from batchpredict.local.vertex.batch.inputs import open_source
from batchpredict.local.vertex.batch.rows import Row
from batchpredict.local.vertex.errors import ServiceError

BOM = b"\xef\xbb\xbf"
NaN = float("nan")


class Inputs:
    """Files in a bucket, read as a job reads them."""

    def __init__(self, root: Path) -> None:
        self.store = ObjectStore(root)
        self.store.create_bucket("bkt")
        self.unreadable: list[tuple[str, int]] = []

    def put(self, name: str, content: str | bytes) -> str:
        path = self.store.path(f"gs://bkt/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return f"gs://bkt/{name}"

    def texts(self, kind: str, *contents: str | bytes, **config: Any) -> list[Row]:
        uris = [self.put(f"in-{number}", it) for number, it in enumerate(contents)]
        job = types.BatchPredictionJob(
            input_config={"instances_format": kind, "gcs_source": {"uris": uris}},
            instance_config=config,
        )
        none: Any = None  # no tables
        return list(open_source(job, self.store, none, self._failed).rows())

    def _failed(self, uri: str, error: StorageError) -> None:
        self.unreadable.append((uri, error.status))

    def read(self, kind: str, *contents: str | bytes, **config: Any) -> list[Any]:
        """Return pairs of what the model gets and what is repeated."""
        rows = self.texts(kind, *contents, **config)
        return [(json.loads(row.sent), json.loads(f"{{{row.echo}}}")) for row in rows]

    def sent(self, kind: str, *contents: str | bytes, **config: Any) -> list[Any]:
        return [sent for sent, _ in self.read(kind, *contents, **config)]

    def refusal(self, kind: str, content: str | bytes, **config: Any) -> str:
        with pytest.raises(ServiceError) as caught:
            self.texts(kind, content, **config)
        assert caught.value.status == "INVALID_ARGUMENT"
        return caught.value.message


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    return Inputs(tmp_path)


def b64(content: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(content).decode()}


@pytest.mark.parametrize(
    ("content", "sent"),
    [
        ("[1, 2, 3, 4]\n[5, 6, 7, 8]\n", [[1, 2, 3, 4], [5, 6, 7, 8]]),
        ('{"values": [1], "key": 1}\n', [{"values": [1], "key": 1}]),
        ('0\n"a"\nnull\nfalse\n', [0, "a", None, False]),
        ("[1]\r\n\n  \n[2]", [[1], [2]]),  # blank lines are no instances
        (BOM + b"[1]\n", [[1]]),
        ('["x\u2028y\x85"]\n', [["x\u2028y\x85"]]),  # a line feed alone ends a line
        ("", []),
    ],
)
def test_a_json_line_is_sent_as_it_is(
    inputs: Inputs, content: str | bytes, sent: list[Any]
) -> None:
    assert inputs.read("jsonl", content) == [(it, {"instance": it}) for it in sent]


def test_numbers_are_sent_and_repeated_digit_by_digit(inputs: Inputs) -> None:
    [row] = inputs.texts("jsonl", "[1.10, 12345678901234567890.123456789, 1E5]\n")
    assert row.sent == "[1.10, 12345678901234567890.123456789, 1E5]"
    assert row.echo == f'"instance": {row.sent}'


def test_files_are_read_one_after_another(inputs: Inputs) -> None:
    assert inputs.sent("jsonl", "[1]\n[2]", "", "[3]\n") == [[1], [2], [3]]


def test_fields_of_json_objects_are_chosen(inputs: Inputs) -> None:
    found = inputs.read("jsonl", '{"id": 7, "b": 2, "a": "x"}\n', key_field="id")
    assert found == [({"b": 2, "a": "x"}, {"key": "7"})]


@pytest.mark.parametrize(
    "bad",
    [
        "nonsense",
        "[1",
        "1, 2",
        '{"a": 1} {"b": 2}',
        "[" * 100_000,
        "9" * 5000,
        '"a" "b"',
        "\\",
    ],
)
def test_a_line_that_is_no_json_is_named(inputs: Inputs, bad: str) -> None:
    lines = ["[1]"] * 100
    lines[70] = bad
    message = inputs.refusal("jsonl", "\n".join(lines))
    assert message.startswith("in-0 line 71 is not JSON: ")


@pytest.mark.parametrize(
    "lines", [["[1", "2]", "3, 4"], ["[1", "2]", "3, 4, 5"], ["1]", "[2"], ["1, 2"], ["", ","]]
)
def test_lines_that_only_together_are_json_are_refused(inputs: Inputs, lines: list[str]) -> None:
    assert "is not JSON" in inputs.refusal("jsonl", "\n".join(lines))


def test_a_line_that_is_not_utf8_is_named(inputs: Inputs) -> None:
    message = inputs.refusal("jsonl", b'["a"]\n' * 2000 + b'["\xff"]\n')
    assert message.startswith("in-0 line 2001 is not UTF-8")


def test_a_value_without_its_field_is_named(inputs: Inputs) -> None:
    message = inputs.refusal("jsonl", '{"k": 1}\n\n{"a": 1}\n', key_field="k")
    assert message == "in-0 line 3: an instance has no field 'k'"


@pytest.mark.parametrize(
    ("content", "sent"),
    [
        # "A header is required. All strings are in double quotes; what is not is a float."
        ('a,b,c\n0.1,1.2,"cat1"\n4.0,5.0,"cat2"\n', [[0.1, 1.2, "cat1"], [4.0, 5.0, "cat2"]]),
        ('"a","b"\n1,"1"\n', [[1.0, "1"]]),
        ("a\n-1e3\n\n2\n", [[-1000.0], [2.0]]),
        ('a,b\r\n1,"x, ""y"""\r\n', [[1.0, 'x, "y"']]),
        (BOM + 'a,"b"\n1,"é"'.encode(), [[1.0, "é"]]),
        ('a\n""\n', [[""]]),
        ('a,b,c\n"",1,"x_"",""_y"\n', [["", 1.0, 'x_","_y']]),
        ("a,b\n", []),
    ],
)
def test_a_csv_row_is_an_array(inputs: Inputs, content: str | bytes, sent: list[Any]) -> None:
    assert inputs.read("csv", content) == [(it, {"instance": it}) for it in sent]


def test_every_csv_file_has_a_header(inputs: Inputs) -> None:
    assert inputs.sent("csv", "a\n1\n", "a\n2\n") == [[1.0], [2.0]]


def test_the_key_of_a_csv_row_is_not_sent_and_keeps_its_digits(inputs: Inputs) -> None:
    content = 'a,id,b\n1,007,"x"\n2,"k 8","y"\n3,1.50,"z"\n'
    assert inputs.read("csv", content, key_field="id") == [
        ([1.0, "x"], {"key": "007"}),
        ([2.0, "y"], {"key": "k 8"}),
        ([3.0, "z"], {"key": "1.50"}),
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a,b\n1,cat\n", "line 2: could not convert string to float: 'cat'"),
        ("a,b\n1,2\n1,\n", "line 3: '' is no number"),
        ('a,b,c\n"",,"x_y"\n', "line 2: '' is no number"),
        ('a,b\n"x_y",1_0\n', "line 2: '1_0' is no number"),
        ("a,b\n\n1\n", "line 3: 1 cells for 2 columns"),
        ('a,b\n1,"two\nlines"\n', "line 2: unexpected end of data; a cell is"),
        ('a,b\n1,"open\n', "line 2: "),
        ('a,b\n1,"x"y\n', "line 2: "),
        ('a,b\n1, "x"\n', "line 2: could not convert"),
        ("a\nnan\n", "line 2: Out of range float values"),
        ("a\n1e999\n", "line 2: Out of range float values"),
        ("", "line 1 is no header"),
        ("\na\n1\n", "line 1 is no header"),
        ('"a\nb"\n1\n', "line 1 is no header"),
        (b"a\n1\n" + b"\xff\n", "line 3 is not UTF-8"),
        (b"a\xff\n1\n", "line 1 is not UTF-8"),
    ],
)
def test_a_csv_row_that_breaks_a_rule_is_named(
    inputs: Inputs, content: str | bytes, words: str
) -> None:
    assert words in inputs.refusal("csv", content)


@pytest.mark.parametrize("header", ["a,b", "id,id"])
def test_a_key_column_stands_once(inputs: Inputs, header: str) -> None:
    message = inputs.refusal("csv", f"{header}\n1,2\n", key_field="id")
    assert message.startswith("instance_config.key_field: in-0 has no column 'id', or two")


def test_a_cell_may_be_large(inputs: Inputs) -> None:
    assert inputs.sent("csv", f'a\n"{"x" * 200_000}"\n') == [["x" * 200_000]]


def test_a_listed_file_is_sent_as_base64_and_its_uri_repeated(inputs: Inputs) -> None:
    one = inputs.put("one.png", b"\x89PNG\x00\xff")
    two = inputs.put("deep/two", b"")
    found = inputs.read("file-list", f"{one}\r\n\n{two}")
    assert found == [
        (b64(b"\x89PNG\x00\xff"), {"instance": one}),
        (b64(b""), {"instance": two}),
    ]


def test_a_listed_file_that_cannot_be_read_is_told_and_the_rest_sent(
    inputs: Inputs, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("s")
    inputs.store.path("gs://bkt/link").symlink_to(tmp_path / "secret")
    good = inputs.put("good", b"x")
    listed = ["gs://bkt/none", "gs://bkt/link", "gs://bkt/../secret", "gs://no-bucket/x", good]
    assert inputs.sent("file-list", "\n".join(listed)) == [b64(b"x")]
    assert [uri for uri, _ in inputs.unreadable] == listed[:-1]
    assert [status for _, status in inputs.unreadable] == [404, 403, 400, 404]


def test_a_line_that_is_no_uri_is_named(inputs: Inputs) -> None:
    good = inputs.put("good", b"x")
    message = inputs.refusal("file-list", f"{good}\n/etc/passwd\n")
    assert message == "in-0 line 2 is not a gs:// URI: '/etc/passwd'"


@pytest.mark.parametrize("kind", ["tf-record", "tf-record-gzip"])
def test_a_record_is_sent_as_base64(inputs: Inputs, kind: str) -> None:
    content = framed(b"one", b"", bytes(range(256)))
    packed = gzip.compress(content) if kind == "tf-record-gzip" else content
    wanted = [b64(b"one"), b64(b""), b64(bytes(range(256)))]
    assert inputs.read(kind, packed) == [(it, {"instance": it}) for it in wanted]


@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        ("tf-record", framed(b"one")[:-1], "in-0 is broken: record 1 is cut"),
        (
            "tf-record",
            gzip.compress(framed(b"one"), mtime=0),
            "gzipped or not as instances_format says",
        ),
        ("tf-record-gzip", framed(b"one"), "in-0 is broken: Not a gzipped file"),
        ("tf-record-gzip", gzip.compress(framed(b"one"), mtime=0)[:-9], "in-0 is broken: "),
        (
            "tf-record-gzip",
            gzip.compress(framed(b"one"), mtime=0)[:-5] + b"xxxxx",
            "is broken: CRC check",
        ),
    ],
)
def test_a_broken_file_of_records_is_named(
    inputs: Inputs, kind: str, content: bytes, words: str
) -> None:
    assert words in inputs.refusal(kind, content)
