import pytest

from batchpredict.components.gate import gate


def test_the_decision_and_its_reason():
    decided = gate.python_func(scores={"accuracy": 0.5}, threshold=0.75)
    assert decided.decision == "fail"
    assert decided.reason == "The accuracy of 0.5 does not meet the threshold of at least 0.75."
    assert gate.python_func(scores={"r2": 0.9}).decision == "pass"


def test_e241_unknown_metric():
    with pytest.raises(ValueError, match=r"^E241 .* they hold accuracy$"):
        gate.python_func(scores={"accuracy": 0.5}, metric="acuracy")
