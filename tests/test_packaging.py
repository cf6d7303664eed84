"""The package holds all that it should."""

import tomllib

from helpers import ROOT

from batchpredict import images


def test_every_package_is_listed() -> None:
    """Setuptools silently leaves an unlisted package out of the wheel."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    found = {
        ".".join([package, *init.parent.relative_to(ROOT / folder).parts])
        for package, folder in project["package-dir"].items()
        for init in (ROOT / folder).rglob("__init__.py")
    }
    assert found == set(project["packages"])


def test_the_serving_images_of_train_model_are_those_of_images() -> None:
    """A step cannot carry a constant, so its default repeats the text."""
    text = (ROOT / "components" / "train_model.py").read_text()
    assert f'= "{images.SKLEARN_SERVING}"' in text
    assert f'= "{images.XGBOOST_SERVING}"' in text


def test_the_local_services_never_load_the_high_level_sdk() -> None:
    """It takes seconds to import, and the local path does not need it."""
    for path in (ROOT / "src" / "batchpredict" / "local").rglob("*.py"):
        text = path.read_text()
        assert "from google.cloud import aiplatform\n" not in text, path
        assert "import google.cloud.aiplatform\n" not in text, path
