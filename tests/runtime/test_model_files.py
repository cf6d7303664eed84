"""What a model file says of its writer, and whether the serving container fits."""

from pathlib import Path

import joblib
import numpy as np
import pytest
import xgboost
from sklearn.linear_model import LinearRegression

from batchpredict.images import SKLEARN_SERVING, XGBOOST_SERVING
from batchpredict.runtime.model_files import check_versions, written_with

pytestmark = pytest.mark.filterwarnings("ignore:.*UBJSON format.*:UserWarning")


@pytest.fixture
def sklearn_model(tmp_path: Path) -> Path:
    joblib.dump(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]), tmp_path / "model.joblib")
    return tmp_path


def booster() -> xgboost.Booster:
    data = xgboost.DMatrix(np.eye(4), label=[0, 1, 0, 1])
    return xgboost.train({"objective": "binary:logistic"}, data, num_boost_round=1)


def test_scikit_learn_is_read_from_the_pickle(sklearn_model: Path) -> None:
    assert written_with(str(sklearn_model)) == "scikit-learn 1.6.1"
    assert check_versions(str(sklearn_model), SKLEARN_SERVING) == "scikit-learn 1.6.1"


@pytest.mark.parametrize("name", ["model.bst", "model.json", "model.ubj"])
def test_xgboost_is_read_from_each_format(tmp_path: Path, name: str) -> None:
    booster().save_model(tmp_path / name)
    assert written_with(str(tmp_path)) == "XGBoost 2.1.4"


def test_a_file_that_does_not_say_is_not_judged(sklearn_model: Path) -> None:
    model = joblib.load(sklearn_model / "model.joblib")
    joblib.dump(model, sklearn_model / "model.joblib", compress=3)
    assert written_with(str(sklearn_model)) == ""
    assert check_versions(str(sklearn_model), SKLEARN_SERVING) == ""


def test_an_empty_folder_says_nothing(tmp_path: Path) -> None:
    assert written_with(str(tmp_path)) == ""


def test_another_minor_version_is_refused_with_both(sklearn_model: Path) -> None:
    path = sklearn_model / "model.joblib"
    path.write_bytes(path.read_bytes().replace(b"1.6.1", b"1.9.1"))
    with pytest.raises(ValueError, match=r"^E256 .*scikit-learn 1\.9\.1.*loads it with 1\.6"):
        check_versions(str(sklearn_model), SKLEARN_SERVING)


def test_a_newer_xgboost_is_refused(tmp_path: Path) -> None:
    """3.1 loads in 2.1 without a word and gives wrong numbers."""
    booster().save_model(tmp_path / "model.bst")
    path = tmp_path / "model.bst"
    path.write_bytes(path.read_bytes().replace(b"i\x02i\x01i\x04", b"i\x03i\x01i\x00"))
    with pytest.raises(ValueError, match=r"^E256 .*XGBoost 3\.1\.0"):
        check_versions(str(tmp_path), XGBOOST_SERVING)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^E255 there is none of model\.joblib"):
        check_versions(str(tmp_path), XGBOOST_SERVING)


def test_a_container_of_ones_own_is_not_compared(tmp_path: Path) -> None:
    assert check_versions(str(tmp_path), "europe-docker.pkg.dev/me/mine/server:1") == ""
