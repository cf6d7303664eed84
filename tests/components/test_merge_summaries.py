"""Several steps side by side give what one step gives, row for row and digit for digit."""

import inspect
import json
import random
from pathlib import Path

import duckdb
import pytest
from kfp import dsl

from batchpredict.components.merge_summaries import merge_summaries
from batchpredict.components.parse_predictions import parse_predictions
from batchpredict.components.parse_shards import parse_shards
from batchpredict.components.split_shards import split_shards

KINDS = {
    "predictions": dsl.Dataset,
    "failures": dsl.Dataset,
    "summary": dsl.Artifact,
    "metrics": dsl.Metrics,
    "report": dsl.Markdown,
}


def outputs(folder):
    return {name: kind(uri=str(folder / name)) for name, kind in KINDS.items()}


def table(artifact):
    with duckdb.connect() as con:
        result = con.execute(f"FROM read_parquet('{artifact.path}')")
        columns = [column[0] for column in result.description]
        return columns, sorted(map(repr, result.fetchall()))


def in_parts(folder, job, parallelism, instances, **parameters):
    directory = dsl.Artifact(uri=str(job))
    groups, plan = split_shards.python_func(parallelism=parallelism, output_directory=directory)
    parts = []
    for place, group in enumerate(groups):
        part = [dsl.Dataset(uri=str(folder / f"part-{place}-{n}")) for n in ("good", "bad")]
        parse_shards.python_func(
            group=group,
            plan=plan,
            predictions=part[0],
            failures=part[1],
            output_directory=directory,
        )
        parts.append(part)
    merged = outputs(folder)
    result = merge_summaries.python_func(
        parts=[good for good, _ in parts],
        failed_parts=[bad for _, bad in parts],
        plan=plan,
        output_directory=directory,
        instances=instances,
        **merged,
        **parameters,
    )
    return groups, result, merged


def row(number):
    key = f"k{number:05d}"
    odd = {
        3: f'{{"key": "{key}", "error": {{"status": "INTERNAL", "message": "m"}}}}',
        5: f'{{"key": "{key}", "prediction": NaN}}',
        7: f'{{"key": "{key}", "prediction": "a text"}}',
        11: f'{{"prediction": 0.5, "key": "{key}"}}',
    }
    return odd.get(number % 50, f'{{"key": "{key}", "prediction": {0.1 * number}}}')


@pytest.fixture
def job(tmp_path):
    folder = tmp_path / "job"
    folder.mkdir()
    numbers = list(range(2000))
    random.Random(7).shuffle(numbers)
    sizes = [0, 700, 10, 0, 500, 200, 589]  # one row of the input stays without an answer
    for place, size in enumerate(sizes):
        taken, numbers = numbers[:size], numbers[size:]
        name = f"prediction.results-{place:05d}-of-{len(sizes):05d}"
        (folder / name).write_text("".join(f"{row(number)}\n" for number in taken))
    (folder / "prediction.errors_stats-00000-of-00001").write_text("('504', 16)\n")
    return folder


@pytest.mark.parametrize("parallelism", [1, 3, 100])
def test_the_merged_result_is_that_of_one_step(tmp_path, job, parallelism):
    lines = [json.dumps({"key": f"k{number:05d}", "x": number}) for number in range(2000)]
    (tmp_path / "instances.jsonl").write_text("\n".join(lines))
    instances = dsl.Dataset(uri=str(tmp_path / "instances.jsonl"))
    limits = {"max_failed": 1e9, "max_missing": 1e9}
    alone = outputs(tmp_path / "alone")
    (tmp_path / "alone").mkdir()
    one = parse_predictions.python_func(
        output_directory=dsl.Artifact(uri=str(job)), instances=instances, **alone, **limits
    )
    groups, many, merged = in_parts(tmp_path, job, parallelism, instances, **limits)
    assert len(groups) == min(parallelism, 5)
    assert sorted(name for group in groups for name in json.loads(group)) == [
        f"prediction.results-{place:05d}-of-00007" for place in (1, 2, 4, 5, 6)
    ]
    assert tuple(many) == tuple(one) == (1919, 80, 1)
    for name in ("predictions", "failures"):
        assert table(merged[name]) == table(alone[name])
    for name in ("summary", "report"):
        assert Path(merged[name].path).read_bytes() == Path(alone[name].path).read_bytes()
    assert merged["metrics"].metadata == alone["metrics"].metadata


def test_an_empty_output_makes_one_empty_group(tmp_path):
    job = tmp_path / "job"
    job.mkdir()
    (job / "prediction.results-00000-of-00001").touch()
    (tmp_path / "instances.jsonl").touch()
    instances = dsl.Dataset(uri=str(tmp_path / "instances.jsonl"))
    groups, result, merged = in_parts(tmp_path, job, 4, instances)
    assert (groups, tuple(result)) == (["[]"], (0, 0, 0))
    assert table(merged["predictions"])[1] == []


@pytest.mark.parametrize(("parts", "failed"), [(None, None), ([], []), ([1], []), ([1], [1, 2])])
def test_e207_parts_that_do_not_belong_together(parts, failed):
    given = dict.fromkeys(inspect.signature(merge_summaries.python_func).parameters)
    given |= {"parts": parts, "failed_parts": failed, "max_failed": 0, "max_missing": 0}
    with pytest.raises(ValueError, match=r"^E207 there are . parts with predictions and . with"):
        merge_summaries.python_func(**given)


def test_e223_the_merged_result_is_written_before_the_step_fails(tmp_path, job):
    (tmp_path / "instances.jsonl").write_text('{"key": "k00000"}\n')
    instances = dsl.Dataset(uri=str(tmp_path / "instances.jsonl"))
    with pytest.raises(ValueError, match=r"^E224 the output holds 1998 rows"):
        in_parts(tmp_path, job, 2, instances)
    assert (tmp_path / "summary.json").exists()


@pytest.mark.parametrize("parallelism", [0, -1])
def test_e207_no_steps(tmp_path, parallelism):
    with pytest.raises(ValueError, match=r"^E207 parallelism is"):
        split_shards.python_func(
            parallelism=parallelism, output_directory=dsl.Artifact(uri=str(tmp_path))
        )
