import pytest

from batchpredict.runtime.gating import judge


@pytest.mark.parametrize(
    ("scores", "metric", "threshold", "decision"),
    [
        ({"accuracy": 0.8}, "auto", 0.8, "pass"),
        ({"accuracy": 0.79}, "auto", 0.8, "fail"),
        ({"accuracy": 0.9, "r2": 0.1}, "auto", 0.8, "pass"),
        ({"r2": 0.9}, "auto", 0.8, "pass"),
        ({"r2": 0.9, "f1_macro": 0.1}, "f1_macro", 0.8, "fail"),
        *[({name: 0.5}, name, 0.8, "pass") for name in ("log_loss", "mae", "rmse")],
        *[({name: 0.9}, name, 0.8, "fail") for name in ("log_loss", "mae", "rmse")],
        ({"median_absolute_error": 0.8}, "median_absolute_error", 0.8, "pass"),
        ({"median_absolute_error": 0.81}, "median_absolute_error", 0.8, "fail"),
    ],
)
def test_a_score_is_compared_in_its_direction(scores, metric, threshold, decision):
    assert judge(scores, metric, threshold)[0] == decision


def test_the_reason_holds_both_numbers():
    high, low = judge({"accuracy": 0.9651162790697675}, "auto", 0.8), judge({"mae": 3}, "mae", 2.5)
    assert high[1] == "The accuracy of 0.965116 meets the threshold of at least 0.8."
    assert low[1] == "The mae of 3 does not meet the threshold of at most 2.5."


def test_the_reason_shows_a_difference_however_small():
    reason = judge({"r2": 0.7999999999}, "auto", 0.8)[1]
    assert reason == "The r2 of 0.7999999999 does not meet the threshold of at least 0.8."


@pytest.mark.parametrize(
    ("scores", "metric", "said"),
    [
        (
            {"mae": 1.0, "rmse": 2.0},
            "auto",
            "auto (accuracy or r2) in the scores; they hold mae, rmse",
        ),
        ({"mae": 1.0}, "f1", "'f1' in the scores; they hold mae"),
        ({"mae": float("nan")}, "mae", "'mae'"),
        ({"mae": float("inf")}, "mae", "'mae'"),
        ({"mae": True}, "mae", "'mae'"),
        ({"mae": "1"}, "mae", "'mae'"),
        ({}, "auto", "no metrics at all"),
    ],
)
def test_e241_unknown_metric(scores, metric, said):
    with pytest.raises(ValueError, match=r"^E241 there is no metric") as caught:
        judge(scores, metric, 0.5)
    assert said in str(caught.value)
