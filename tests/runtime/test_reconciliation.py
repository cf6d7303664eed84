"""What is said when more rows fail or are missing than were allowed."""

import pytest

from batchpredict.runtime.reconciliation import check_counts, check_thresholds

FAILURES = "gs://bucket1/run/failures.parquet"


def counts(**numbers: int) -> dict[str, int]:
    names = ("input", "predicted", "failed", "missing", "duplicate", "unexpected")
    return {**dict.fromkeys(names, 0), **numbers}


def test_the_message_says_how_many_how_much_what_was_allowed_where_and_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"^E223 ") as caught:
        check_counts(counts(input=344, failed=12), 0.01, 0, FAILURES)
    assert str(caught.value) == (
        "E223 12 of 344 rows failed, max_failed allows 3; that is 3.49 %, and max_failed is 0.01; "
        f"{FAILURES} names these rows and why: mend them and predict them again, or raise the "
        "limit"
    )


def test_both_limits_are_told_at_once() -> None:
    with pytest.raises(ValueError, match=r"^E223 2 of 8 rows failed, max_failed allows 1;") as it:
        check_counts(counts(input=8, failed=2, missing=1), 1, 0, FAILURES)
    assert "that is 25 %, and max_failed is 1; " in str(it.value)
    assert "; 1 of 8 rows missing, max_missing allows 0; that is 12.5 %, " in str(it.value)
    assert str(it.value).count(FAILURES) == 1


@pytest.mark.parametrize("allowed", [0.29, 29, 1e15])
def test_as_many_as_allowed_pass(allowed: float) -> None:
    """0.29 * 100 is 28.999999999999996."""
    check_counts(counts(input=100, failed=29, missing=29), allowed, allowed, FAILURES)


@pytest.mark.parametrize(("allowed", "rows"), [(0.29, 29), (29, 29), (0.999, 99), (0, 0)])
@pytest.mark.parametrize("name", ["failed", "missing"])
def test_one_more_is_too_many(name: str, allowed: float, rows: int) -> None:
    limits = {"max_failed": 0.0, "max_missing": 0.0, f"max_{name}": allowed}
    found = f"^E223 {rows + 1} of 100 rows {name}, max_{name} allows {rows}; "
    with pytest.raises(ValueError, match=found):
        check_counts(counts(input=100, **{name: rows + 1}), failures=FAILURES, **limits)


def test_no_rows_are_no_failure() -> None:
    check_counts(counts(), 0.5, 0.5, FAILURES)


@pytest.mark.parametrize("name", ["unexpected", "duplicate"])
def test_rows_that_nobody_asked_for_come_first(name: str) -> None:
    with pytest.raises(ValueError, match=r"^E224 .*; give the instances of this very job"):
        check_counts(counts(input=8, failed=8, **{name: 1}), 0, 0, FAILURES)


@pytest.mark.parametrize("value", [-0.5, float("nan")])
@pytest.mark.parametrize("name", ["max_failed", "max_missing"])
def test_a_limit_below_zero_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"^E207 {name} is {value}; "):
        check_thresholds(**{"max_failed": 0, "max_missing": 0, name: value})
