import pytest

from batchpredict.runtime.split_checks import (
    check_choice,
    check_split_columns,
    check_split_options,
)


def test_e203_target_absent():
    with pytest.raises(ValueError, match=r"^E203 .*'specis'.*did you mean 'species'\?$"):
        check_split_columns(["species", "sex"], "specis", "", [])


def test_e206_key_absent():
    with pytest.raises(ValueError, match=r"^E206 .*'Id'.*did you mean 'id'\? \(key_column\)$"):
        check_split_columns(["id", "y"], "y", "Id", [])


@pytest.mark.parametrize("name", ["key", "KEY"])
def test_e206_a_made_key_would_meet_a_column_of_its_name(name):
    with pytest.raises(ValueError, match=rf"^E206 the dataset has a column '{name}'"):
        check_split_columns([name, "y"], "y", "", [])
    check_split_columns([name, "y", "f"], "y", name, [])
    check_split_columns([name, "y", "f"], "y", "f", [])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"task": "ranking"}, "task is 'ranking'; give one of auto, classification, regression"),
        ({"algorithm": "svm"}, "algorithm is 'svm'; give one of linear, random_forest, xgboost"),
        ({"fraction": 0}, "test_fraction is 0; give a number between 0 and 1"),
        ({"fraction": 1.0}, "test_fraction is 1.0"),
        ({"fraction": float("nan")}, "test_fraction is nan"),
        ({"key": "y"}, "key_column and target_column are both 'y'"),
        ({"ignored": ["y"]}, "ignore_columns holds 'y', which is also the target_column"),
        ({"key": "k", "ignored": ["k"]}, "ignore_columns holds 'k', which is also the key_column"),
    ],
)
def test_e207_options(change, said):
    options = {"task": "auto", "algorithm": "linear", "fraction": 0.25}
    options |= {"target": "y", "key": "", "ignored": []}
    check_split_options(**options)
    with pytest.raises(ValueError, match=r"^E207 ") as caught:
        check_split_options(**{**options, **change})
    assert said in str(caught.value)


def test_e207_ignored_columns():
    with pytest.raises(ValueError, match=r"^E207 .*'f'.*\(ignore_columns\)$"):
        check_split_columns(["y", "g"], "y", "", ["f"])
    with pytest.raises(ValueError, match=r"^E207 ignore_columns leaves no feature column"):
        check_split_columns(["y", "g"], "y", "", ["g"])
    check_choice("x", "a", ["a"])
