import pytest

from batchpredict.runtime.results.layout import (
    describe_files,
    file_kind,
    list_results,
)


def fill(folder, *names):
    for name in names:
        (folder / name).touch()
    return str(folder)


def test_files_are_sorted_by_what_they_are(tmp_path):
    (tmp_path / "job-1").mkdir()
    names = [f"prediction.results-0000{i}-of-00011" for i in range(10)]
    names += ["prediction.results-00010-of-00011.jsonl", "prediction.errors_stats-00000-of-00001"]
    found = list_results(fill(tmp_path, *names, "errors_1.jsonl", "notes.txt"))
    assert found["jsonl"] == names[:11]
    assert found["errors_stats"] == names[11:]
    assert found["errors"] == ["errors_1.jsonl"]
    assert found["unknown"] == ["job-1", "notes.txt"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "but nothing; give the folder that the job reports"),
        (["prediction-model-1", "x"], "but prediction-model-1, x; give the folder"),
        (
            ["prediction.errors_stats-00000-of-00001"],
            "no results of a batch prediction but nothing",
        ),
        (["predictions_1.csv", "predictions_1.jsonl"], "results as jsonl and as csv: two runs"),
        (["prediction.results-00001-of-00002"], "lacks shard 0 of 2, 1 are there"),
        (["prediction.results-00000-of-00002"], "lacks shard 1 of 2, 1 are there"),
        (["prediction.results-0-of-3", "prediction.results-2-of-3"], "lacks shard 1 of 3"),
        (["prediction.results-0-of-1", "prediction.results-1-of-1"], "E221"),
        (["prediction.results-0-of-99999999999"], "lacks shard 1 of 99999999999"),
        (["prediction.results-0-of-1", "prediction.results-0-of-2"], "shards of 1 and of 2: two"),
        (["prediction.results-0-of-1", "prediction.results-0-of-1.jsonl"], "holds shard 0 twice"),
        (["prediction.results-0-of-1", "prediction.errors_stats-0-of-2"], "lacks shard 1 of 2"),
        (["predictions_1.csv", "predictions_3.csv"], "predictions_3.csv but no file of the num"),
        (["predictions_00001.jsonl", "predictions_00003.jsonl"], "of the number 2; the job has"),
        (["predictions_2.jsonl"], "predictions_2.jsonl but no file of the number 1"),
        (["predictions_0.jsonl", "predictions_2.jsonl"], "no file of the number 1"),
        (["predictions.jsonl", "predictions_2.jsonl"], "no file of the number 1"),
        (["tables_1.csv", "tables_99999999999.csv"], "no file of the number 2"),
        (["predictions_1.jsonl", "predictions_0001.jsonl"], "two files of one number"),
    ],
)
def test_e221_output_missing_or_incomplete(tmp_path, names, said):
    with pytest.raises(ValueError, match=r"^E221 ") as caught:
        list_results(fill(tmp_path, *names))
    assert said in str(caught.value)


def test_e221_no_directory(tmp_path):
    with pytest.raises(ValueError, match=r"^E221 there is no output directory"):
        list_results(str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("prediction.results-00000-of-00001", "jsonl"),
        ("explanation.results-00000-of-00001.json", "jsonl"),
        ("predictions_0001.jsonl", "jsonl"),
        ("predictions.jsonl", "jsonl"),
        ("prediction.results-00005-of-00008.csv", "csv"),
        ("tables_1.csv", "csv"),
        ("errors_1.csv", "errors"),
        ("errors.jsonl", "errors"),
        ("explanation.errors_stats-00000-of-00001", "errors_stats"),
        ("predictions_1.parquet", "unknown"),
        ("prediction.results-00000", "unknown"),
        ("my-predictions_1.jsonl", "unknown"),
    ],
)
def test_the_name_tells_what_a_file_is(name, kind):
    assert file_kind(name) == kind


def test_numbered_files_come_in_order_of_their_numbers(tmp_path):
    names = [f"predictions_{number}.jsonl" for number in range(1, 12)]
    assert list_results(fill(tmp_path, *reversed(names)))["jsonl"] == names


@pytest.mark.parametrize("numbers", [(0,), (1,), (0, 1, 2), (1, 2, 3, 4), range(12)])
def test_numbers_start_at_0_or_1(tmp_path, numbers):
    names = [f"predictions_{number:05}.jsonl" for number in numbers]
    assert list_results(fill(tmp_path, *names))["jsonl"] == names


def test_a_gap_in_the_files_of_errors_is_told(tmp_path, caplog):
    names = ["errors_1.csv", "errors_3.csv"]
    assert list_results(fill(tmp_path, *names, "predictions_1.csv"))["errors"] == names
    assert "errors_3.csv but no file of the number 2: failed rows may be" in caplog.text


def test_an_explanation_takes_the_place_of_the_prediction(tmp_path):
    names = ["explanation.results-00000-of-00001", "prediction.results-00000-of-00001"]
    found = list_results(fill(tmp_path, *names))
    assert (found["jsonl"], found["unknown"]) == (names[:1], names[1:])


def test_e221_a_compressed_file(tmp_path):
    (tmp_path / "predictions.jsonl").write_bytes(b"\x1f\x8b\x08")
    with pytest.raises(ValueError, match=r"^E221 .*predictions.jsonl is compressed"):
        list_results(str(tmp_path))


def test_files_are_described_for_the_manifest(tmp_path):
    (tmp_path / "predictions.jsonl").write_bytes(b"abc")
    described = describe_files(str(tmp_path), ["predictions.jsonl"], str(tmp_path))
    nothing = {"generation": None, "md5": None}
    assert described == [{"name": "predictions.jsonl", "bytes": 3, **nothing}]


def test_explanations_and_predictions_must_be_as_many(tmp_path):
    names = fill(tmp_path, "explanation.results-0-of-1", "prediction.results-0-of-1")
    (tmp_path / "explanation.results-0-of-1").write_text("{}\n\n{}\n")
    with pytest.raises(ValueError, match=r"^E221 .*different numbers of rows"):
        list_results(names)
