"""Files of schedules: three forms that say the same, and everything that is wrong in one go."""

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from batchpredict.config.schedule_files import (
    ScheduleEntry,
    find_schedules,
    named_entries,
    read_schedules,
)
from batchpredict.errors import UsageError

BASIS = {"name": "daily", "pipeline": "score", "cron": "0 6 * * *"}
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=8)
ENTRIES = st.fixed_dictionaries(
    {"pipeline": TEXT.filter(bool), "cron": st.sampled_from(["0 6 * * *", "*/5 0 1 JAN MON"])},
    optional={
        "timezone": st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns"]),
        "start_time": st.datetimes().map(datetime.datetime.isoformat),
        "max_run_count": st.integers(1, 2**40),
        "max_concurrent_active_run_count": st.integers(1, 64),
        "allow_queueing": st.booleans(),
        "parameters": st.dictionaries(TEXT, st.integers() | TEXT | st.lists(st.booleans())),
        "labels": st.dictionaries(st.just("team"), st.just("x_1-a")),
        "enable_caching": st.booleans(),
    },
)


def write(path: Path, *entries: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"schedules": entries}))
    return path


def fault(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        read_schedules(path)
    assert caught.value.code == "E420"
    return caught.value.message


@settings(max_examples=40, deadline=None)
@given(entries=st.lists(ENTRIES, min_size=1, max_size=3))
def test_yaml_and_json_give_back_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, entries: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    named = [{"name": f"s{n}", **entry} for n, entry in enumerate(entries)]
    wanted = [ScheduleEntry.model_validate(entry) for entry in named]
    (folder / "s.yaml").write_text(yaml.safe_dump({"schedules": named}, allow_unicode=True))
    assert read_schedules(write(folder / "s.json", *named)) == wanted
    assert read_schedules(folder / "s.yaml") == wanted
    if len(named) == 1:
        (folder / "s.json").write_text(json.dumps(named[0]))
        assert read_schedules(folder / "s.json") == wanted


def test_toml_and_yaml_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(
        '[[schedules]]\nname = "daily"\npipeline = "score"\ncron = "0 6 * * *"\n'
        'timezone = "Europe/Berlin"\nstart_time = 2026-01-31T06:00:00\n'
        "end_time = 2027-01-31T06:00:00Z\n[schedules.parameters]\nday = 2026-01-01\n"
    )
    (tmp_path / "s.yaml").write_text(
        "name: daily\npipeline: score\ncron: 0 6 * * *\ntimezone: Europe/Berlin\n"
        "start_time: 2026-01-31T06:00:00\nend_time: 2027-01-31T06:00:00+00:00\n"
        "parameters: {day: 2026-01-01}\n"
    )
    [one], [other] = read_schedules(tmp_path / "s.toml"), read_schedules(tmp_path / "s.yaml")
    assert one == other
    assert one.start == datetime.datetime(2026, 1, 31, 5, tzinfo=datetime.UTC)
    assert one.end == datetime.datetime(2027, 1, 31, 6, tzinfo=datetime.UTC)
    assert one.cron_text == "TZ=Europe/Berlin 0 6 * * *"
    assert one.parameters == {"day": "2026-01-01"}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"crom": "x"}, "schedules[0].crom: there is no key 'crom'; did you mean 'cron'?"),
        ({"cron": "@daily"}, "schedules[0].cron: cron '@daily' must be"),
        ({"cron": "0 0 30 2 *"}, "schedules[0].cron: cron '0 0 30 2 *': day-of-month"),
        ({"timezone": "Berlin"}, "schedules[0].timezone: 'Berlin' is no time zone"),
        ({"timezone": "../x"}, "schedules[0].timezone: '../x' is no time zone"),
        ({"cron": "TZ=UTC 0 6 * * *", "timezone": "UTC"}, "schedules[0].cron: cron 'TZ=UTC"),
        ({"cron": 5}, "schedules[0].cron: takes a text; put it into quotes, not 5"),
        ({"max_run_count": 0}, "schedules[0].max_run_count: "),
        ({"max_concurrent_active_run_count": True}, "max_concurrent_active_run_count: "),
        ({"allow_queueing": "yes"}, "allow_queueing: takes true or false, not 'yes'"),
        ({"name": "Daily run"}, "schedules[0].name: takes small letters"),
        ({"start_time": "tomorrow"}, "schedules[0].start_time: takes a time such as"),
        ({"start_time": "2027-01-01", "end_time": "2026-01-01"}, "end_time: is not after"),
        ({"labels": {"Team": "x"}}, "schedules[0].labels.Team: the key must be lower-case"),
        ({"catch_up": True}, "catch_up is said when it is resumed: `batchpredict schedule resume"),
        ({"pipelineJobId": "x"}, "pipelineJobId is not taken in a schedule: each run has an id"),
        ({"failure_policy": "never"}, "failure_policy: takes slow or fast, not 'never'"),
    ],
)
def test_what_is_wrong_is_said_with_its_key(
    tmp_path: Path, fields: dict[str, Any], words: str
) -> None:
    path = write(tmp_path / "s.json", {**BASIS, **fields})
    assert f"{path}: " in fault(path)
    assert words in fault(path)


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    path = write(
        tmp_path / "s.json",
        {**BASIS, "cron": "x", "catch_up": True},
        {**BASIS, "projekt": "p"},
        {"name": "third", "pipeline": "score"},
        BASIS,
    )
    text = fault(path)
    for words in ("[0].cron", "[0].catch_up", "[1].projekt", "[2].cron", "several schedules"):
        assert words in text


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("s.yaml", "schedules: []", "takes a list of schedules"),
        ("s.yaml", "schedules: {a: 1}", "takes a list of schedules"),
        ("s.yaml", "schedules: [{}]\nproject: p", "nothing beside them: project"),
        ("s.yaml", "a: [", "cannot be read"),
        ("s.json", '{"name": 1, "name": 2}', "stands twice"),
        ("s.yaml", "schedules: [3]", "schedules[0]: takes keys and values, not 3"),
        ("s.txt", "", "is .yaml, .yml, .toml or .json"),
    ],
)
def test_a_file_of_another_form_is_refused(
    tmp_path: Path, name: str, content: str, words: str
) -> None:
    (tmp_path / name).write_text(content)
    assert words in fault(tmp_path / name)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "cannot read" in fault(tmp_path / "no.yaml")
    with pytest.raises(UsageError, match=r"no schedules\.yaml"):
        find_schedules(tmp_path)
    (tmp_path / "schedules.toml").touch()
    assert find_schedules(tmp_path) == tmp_path / "schedules.toml"
    (tmp_path / "schedules.json").touch()
    with pytest.raises(UsageError, match=r"schedules\.toml and schedules\.json"):
        find_schedules(tmp_path)


def test_schedules_are_chosen_by_name(tmp_path: Path) -> None:
    path = write(tmp_path / "s.json", BASIS, {**BASIS, "name": "weekly"})
    assert [it.name for it in named_entries(path, ())] == ["daily", "weekly"]
    assert [it.name for it in named_entries(path, ("weekly",))] == ["weekly"]
    with pytest.raises(UsageError, match="did you mean 'weekly'"):
        named_entries(path, ("weakly",))
