"""The files of results: their names, their lines, their shards."""

import csv
import errno
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from batchpredict.local.storage.objects import ObjectStore
from batchpredict.local.vertex.batch.outputs import Answers, CsvForm, FileOutput, JsonLinesForm
from batchpredict.local.vertex.batch.rows import Row
from batchpredict.local.vertex.errors import ServiceError

FOLDER = "gs://bkt/out/prediction-m-1"


class Named:
    """Instances whose values have names."""

    def __init__(self, *names: str) -> None:
        self.names: Sequence[str] = names

    def rows(self) -> Iterator[Row]:
        return iter(())


def answers(*pairs: tuple[str, Any], explanations: list[str] | None = None) -> Answers:
    rows = [Row("", echo) for echo, _ in pairs]
    return Answers(rows, [prediction for _, prediction in pairs], explanations or [])


def table(source: Named, *batches: Answers) -> list[list[str]]:
    form = CsvForm(source)
    texts = [form.text(batch, first=number == 0) for number, batch in enumerate(batches)]
    return list(csv.reader(io.StringIO("".join(texts))))


@pytest.mark.parametrize(
    ("prediction", "text"),
    [
        (2.0451931953430176, "2.0451931953430176"),
        (3, "3"),
        (1e22, "1e+22"),
        (False, "false"),
        (None, "null"),
        ("Adelie", '"Adelie"'),
        ("é\n", '"\\u00e9\\n"'),
        ([0.1, 0.9], "[0.1, 0.9]"),
        ({"result": 1}, '{"result": 1}'),
        (float("nan"), "NaN"),
    ],
)
def test_a_line_repeats_the_instance_before_the_prediction(prediction: Any, text: str) -> None:
    found = JsonLinesForm().text(answers(('"instance": [1, 2]', prediction)), first=True)
    assert found == f'{{"instance": [1, 2], "prediction": {text}}}\n'


def test_an_explanation_stands_behind_the_prediction() -> None:
    batch = answers(('"key": "a"', 1), ('"key": "b"', 2), explanations=['{"x": 1}', "{}"])
    lines = JsonLinesForm().text(batch, first=True).splitlines()
    assert [json.loads(line) for line in lines] == [
        {"key": "a", "prediction": 1, "explanation": {"x": 1}},
        {"key": "b", "prediction": 2, "explanation": {}},
    ]


@pytest.mark.parametrize(
    ("names", "echo", "wanted"),
    [
        ((), '"instance": {"a": 1.50, "b": "x, y"}', {"a": "1.5", "b": "x, y"}),
        ((), '"instance": {"a": null, "b": true}', {"a": "", "b": "true"}),
        ((), '"instance": {"a": NaN, "b": -Infinity}', {"a": "NaN", "b": "-Infinity"}),
        ((), '"instance": {"a": [1], "b": {"c": 2}}', {"a": "[1]", "b": '{"c": 2}'}),
        (("a", "b"), '"instance": [1.0, "x\\ny"]', {"a": "1.0", "b": "x\ny"}),
        ((), '"instance": [1, 2]', {"instance": "[1, 2]"}),
        ((), '"instance": "gs://b/x.png"', {"instance": "gs://b/x.png"}),
        ((), '"instance": {"b64": "AA=="}', {"b64": "AA=="}),
        (("a", "b"), '"key": "7"', {"key": "7"}),
        ((), '"instance": {"a": 1}, "id": 7', {"a": "1", "id": "7"}),
    ],
)
def test_a_row_has_the_columns_of_the_instance_or_the_key(
    names: tuple[str, ...], echo: str, wanted: dict[str, str]
) -> None:
    header, row = table(Named(*names), answers((echo, 2.5)))
    assert header == [*wanted, "predicted_value"]
    assert row == [*wanted.values(), "2.5"]


@pytest.mark.parametrize(
    ("prediction", "cell"),
    [(0.25, "0.25"), (True, "true"), ("x", '"x"'), ([1, 2], "[1, 2]"), (None, "null")],
)
def test_a_cell_holds_the_json_of_a_prediction(prediction: Any, cell: str) -> None:
    assert table(Named(), answers(('"key": "a"', prediction)))[1][-1] == cell


def test_fields_are_in_the_order_of_the_first_instance_and_may_be_missing() -> None:
    batch = answers(('"instance": {"b": 1, "a": 2}', 1), ('"instance": {"a": 3}', 2))
    later = answers(('"instance": {"a": 4, "b": 5}', 3))
    assert table(Named(), batch, later) == [
        ["b", "a", "predicted_value"],
        ["1", "2", "1"],
        ["", "3", "2"],
        ["5", "4", "3"],
    ]


@pytest.mark.parametrize(
    ("names", "echoes", "words"),
    [
        ((), ['"instance": {"a": 1}', '"instance": {"a": 1, "b": 2}'], "first one has not: b"),
        ((), ['"instance": {"predicted_value": 1}'], "two would have one name"),
        (("x", "x"), ['"instance": [1, 2]'], "two would have one name: x, x"),
    ],
)
def test_what_cannot_be_columns_is_refused(
    names: tuple[str, ...], echoes: list[str], words: str
) -> None:
    with pytest.raises(ServiceError, match=words) as caught:
        table(Named(*names), answers(*[(echo, 1) for echo in echoes]))
    assert caught.value.status == "INVALID_ARGUMENT"


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    found = ObjectStore(tmp_path)
    found.create_bucket("bkt")
    return found


def contents(store: ObjectStore) -> dict[str, str]:
    return {
        name.rpartition("/")[2]: store.path(f"gs://bkt/{name}").read_text()
        for name in store.names("bkt")
    }


def test_batches_go_round_the_shards_and_some_stay_empty(store: ObjectStore) -> None:
    output = FileOutput(store, FOLDER, "prediction", JsonLinesForm(), 4)
    for number in range(6):
        output.write(answers((f'"key": "{number}"', number)))
        if number == 1:
            assert contents(store) == {}  # nobody sees half of a shard
    output.close({'it\'s "bad"': 3})
    found = contents(store)
    assert found.pop("prediction.errors_stats-00000-of-00001") == "('it\\'s \"bad\"', 3)\n"
    assert sorted(found) == [f"prediction.results-0000{i}-of-00004" for i in range(4)]
    keys = [[json.loads(line)["key"] for line in found[name].splitlines()] for name in found]
    assert keys == [["0", "4"], ["1", "5"], ["2"], ["3"]]


def test_every_shard_of_a_table_has_the_header_but_an_empty_one(store: ObjectStore) -> None:
    output = FileOutput(store, FOLDER, "prediction", CsvForm(Named()), 3)
    for number in range(2):
        output.write(answers((f'"key": "{number}"', number)))
    output.close({})
    found = contents(store)
    assert found["prediction.results-00000-of-00003.csv"] == "key,predicted_value\n0,0\n"
    assert found["prediction.results-00001-of-00003.csv"] == "key,predicted_value\n1,1\n"
    assert found["prediction.results-00002-of-00003.csv"] == ""
    assert found["prediction.errors_stats-00000-of-00001"] == ""


def test_explanations_have_a_name_of_their_own(store: ObjectStore) -> None:
    FileOutput(store, FOLDER, "explanation", JsonLinesForm(), 1).close({})
    assert sorted(contents(store)) == [
        "explanation.results-00000-of-00001",
        "prediction.errors_stats-00000-of-00001",
    ]


def test_an_output_bucket_that_nobody_made_here_is_made(store: ObjectStore) -> None:
    uri = "gs://other-bucket/out/x"
    first, second = (FileOutput(store, uri, "prediction", JsonLinesForm(), 1) for _ in range(2))
    first.close({})
    assert store.names("other-bucket")
    second.close({})


def test_on_a_full_disk_nothing_is_left_behind(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    output = FileOutput(store, FOLDER, "prediction", JsonLinesForm(), 2)
    output.write(answers(('"key": "a"', 1)))

    def full(*_: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store, "commit", full)
    with pytest.raises(OSError, match="No space"):
        output.close({})
    assert contents(store) == {}
    assert list((tmp_path / ".staging").iterdir()) == []
