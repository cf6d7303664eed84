"""No row is lost, doubled or given to another: random outputs against the truth about them."""

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from truth import comparing, damage
from truth.comparing import check
from truth.jobs import make_job
from truth.layouts import FORMS, KEYS, NUMBERING, ODDITIES, Layout
from truth.parsing import Parsed

pytestmark = pytest.mark.no_cover  # millions of rows: other tests say what is covered

PLAIN = Layout("scalar", 40, 1, 5, keys="field", numbering="zeros")
SMALL = st.builds(
    Layout,
    form=st.sampled_from(sorted(FORMS)),
    rows=st.integers(0, 25),
    seed=st.integers(0, 2**32),
    shards=st.integers(1, 5),
    keys=st.sampled_from(KEYS),
    numbering=st.sampled_from(NUMBERING),
    naming=st.integers(0, 2),
    told=st.booleans(),
    reconciled=st.booleans(),
    odd=st.frozensets(st.sampled_from(ODDITIES)),
)


@settings(
    max_examples=70,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(SMALL)
def test_every_row_of_small_outputs(layout):
    if layout.keys == "mixed":
        layout = replace(layout, reconciled=False)
    with tempfile.TemporaryDirectory() as folder:
        job = make_job(layout, Path(folder))
        check(job, Parsed(job, Path(folder)).run())


def large(number: int, line: str) -> Layout:
    """Make a layout of a form, thousands of rows, shards, keys, numbering, and what is odd."""
    form, thousands, shards, keys, numbering, *odd = line.split("|")
    rows, seed = int(thousands) * 1000, 20 + number
    return Layout(
        form,
        rows,
        seed,
        int(shards),
        keys,
        numbering,
        naming=number % 3,
        odd=frozenset(" ".join(odd).split()),
    )


# What is usual has most of the rows; forms that take longer, fewer.
LARGE = [
    large(number, line)
    for number, line in enumerate(
        (
            "scalar|250|1000|field|small",
            "scalar|150|10|none|huge|missing duplicates errors unreadable",
            "probability|300|20|key|zeros|errors missing unreadable duplicates",
            "bool|50|3|field|safe|siblings unreadable",
            "string|250|7|both|zeros|missing others statistics",
            "vector|200|100|sibling|small|errors unended",
            "class scores|200|40|field|long|blanks mark duplicates",
            "object|10|11|key|decimal|crlf errors",
            "null|60|2|none|zeros|duplicates",
            "anything|10|13|field|text|unreadable",
            "mixed|10|5|both|text|errors unreadable missing",
            "image classes|100|30|none|small|errors missing duplicates",
            "table classes|150|64|field|zeros|strays unreadable",
            "detection|8|4|field|small|strays",
            "segmentation|20|6|none|zeros|missing",
            "extraction|8|9|key|long|errors",
            "sentiment|80|500|field|small|strays missing",
            "video|5|8|none|small|errors",
            "regression|80|12|sibling|zeros|strays unreadable explained",
            "bounds|20|25|field|small|errors orders constants",
            "forecast|20|3|key|text|respelt spaces",
            "embedding|8|2|field|small|unreadable errors",
            "gemini|8|1|sibling|text|errors",
            "csv classes|20|6|field|zeros|errors missing unreadable",
            "csv custom|30|9|key|zeros|errors missing unreadable duplicates",
            "csv regression|20|2|none|small|duplicates crlf",
            "csv forecast|20|4|field|text|mark",
        )
    )
]


@pytest.mark.parametrize("layout", LARGE, ids=lambda layout: f"{layout.form}-{layout.rows}")
def test_every_row_of_large_outputs(layout, tmp_path):
    job = make_job(layout, tmp_path)
    check(job, Parsed(job, tmp_path).run())


def test_two_million_rows_are_compared():
    assert sum(layout.rows for layout in LARGE) >= 2_000_000
    assert {layout.form for layout in LARGE} == set(FORMS)


@pytest.mark.parametrize(
    "deep",
    [
        '{"a": ' * 450 + "1" + "}" * 450,
        "[" * 450 + "1" + "]" * 450,
        '{"a": ' + "[" * 16 + "1" + "]" * 16 + "}",
    ],
    ids=["objects", "lists", "object of lists"],
)
def test_deep_predictions_are_rows_like_others(tmp_path, deep):
    job = make_job(replace(PLAIN, rows=1, shards=1), tmp_path)
    (path,) = job.directory.iterdir()
    instance = job.instances.read_text().strip()
    path.write_text(f'{{"instance": {instance}, "prediction": {deep}}}\n')
    parsed = Parsed(job, tmp_path).run()
    assert parsed.result in ((1, 0, 0), (0, 1, 0))
    assert [row["prediction"] for row in parsed.rows("predictions")] in ([deep], [])


@pytest.mark.parametrize("keys", ["field", "none"])
@pytest.mark.parametrize(
    ("plant", "code", "counts"),
    [
        (damage.drop_row, "E223", {"predicted": 39, "missing": 1}),
        (damage.repeat_row, "E224", {"predicted": 40, "duplicate": 1}),
        (damage.repeat_in_another_shard, "E224", {"predicted": 40, "duplicate": 1}),
        (damage.foreign_row, "E224", {"predicted": 40, "unexpected": 1}),
        (damage.cut_line, "E223", {"predicted": 39, "failed": 1}),
        (damage.cut_file, "E223", {"predicted": 39, "failed": 1}),
        (damage.delete_shard, "E221", None),
        (damage.delete_empty_shard, "E221", None),
        (damage.other_run, "E221", None),
        (damage.empty_directory, "E221", None),
    ],
)
def test_a_damaged_output_is_refused(tmp_path, keys, plant, code, counts):
    job = make_job(replace(PLAIN, keys=keys), tmp_path)
    plant(job)
    parsed = Parsed(job, tmp_path, max_failed=0, max_missing=0)
    with pytest.raises(ValueError, match=f"^{code} "):
        parsed.run()
    if counts:
        others = dict.fromkeys(("failed", "missing", "unexpected", "duplicate"), 0)
        wanted = {"input": 40, **others, **counts}
        assert wanted.items() <= parsed.summary()["counts"].items()
        assert_named(job, parsed)


def assert_named(job, parsed):
    """Every input row is among the predictions or named by the failures."""
    inputs = Counter(map(comparing.identity, job.instances.read_text().split("\n")[:-1]))
    predicted = Counter(comparing.identity(row["instance"]) for row in parsed.rows("predictions"))
    named = Counter(
        comparing.identity(row["instance"]) for row in parsed.rows("failures") if row["instance"]
    )
    assert named == inputs - predicted


def test_the_rows_of_a_lost_file_without_a_count_are_named(tmp_path):
    job = make_job(replace(PLAIN, naming=2), tmp_path)
    last = max(job.directory.glob("predictions_*"))  # after it there is no gap
    lost = len(last.read_bytes().splitlines())
    last.unlink()
    parsed = Parsed(job, tmp_path, max_missing=lost - 1)
    with pytest.raises(ValueError, match=f"^E223 {lost} of 40 rows missing"):
        parsed.run()
    assert_named(job, parsed)


def test_a_lost_file_before_others_is_refused(tmp_path):
    job = make_job(replace(PLAIN, naming=2), tmp_path)
    damage.delete_shard(job)
    with pytest.raises(ValueError, match=r"^E221 .* but no file of the number 1; "):
        Parsed(job, tmp_path).run()


def test_swapped_predictions_in_the_output_are_seen(tmp_path):
    job = make_job(PLAIN, tmp_path)
    damage.swap_predictions(job)
    with pytest.raises(AssertionError, match="rows absent: 2, "):
        check(job, Parsed(job, tmp_path).run())


SPOILABLE = replace(
    PLAIN, rows=60, odd=frozenset({"siblings", "errors", "unreadable", "missing", "strays"})
)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    job = make_job(SPOILABLE, folder)
    return job, Parsed(job, folder).run()


@pytest.fixture
def spoil(sound):
    """Return a function that damages a table of the result, until the test has ended."""
    job, parsed = sound
    paths = [parsed.path(name) for name in ("predictions", "failures")]
    before = [path.read_bytes() for path in paths]

    def spoil(table, query):
        damage.spoil(parsed, table, query)
        return job, parsed

    yield spoil
    for path, content in zip(paths, before, strict=True):
        path.write_bytes(content)


def test_a_sound_result_passes(sound, monkeypatch):
    check(*sound)
    monkeypatch.setattr(comparing, "FEW", 0)
    check(*sound)


@pytest.mark.parametrize("few", [0, comparing.FEW])
@pytest.mark.parametrize("what", damage.SPOILT_PREDICTIONS)
def test_damaged_predictions_are_found(spoil, monkeypatch, what, few):
    monkeypatch.setattr(comparing, "FEW", few)
    with pytest.raises(AssertionError):
        check(*spoil("predictions", damage.SPOILT_PREDICTIONS[what]))


@pytest.mark.parametrize("what", damage.SPOILT_FAILURES)
def test_damaged_failures_are_found(spoil, what):
    with pytest.raises(AssertionError):
        check(*spoil("failures", damage.SPOILT_FAILURES[what]))
