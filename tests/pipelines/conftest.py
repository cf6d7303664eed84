"""One finished run of the main job, shared by the tests that look at it."""

import csv
from pathlib import Path

import pytest
from helpers import ROOT, FinishedRun, run_command
from sklearn.datasets import load_diabetes


@pytest.fixture(scope="session")
def penguins(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """The main job on the example data, run by the command as a person types it."""
    dataset = ROOT / "examples" / "penguins.csv"
    home = tmp_path_factory.mktemp("penguins")
    return run_command(home, "-p", f"dataset_uri={dataset}", "-p", "target_column=species")


@pytest.fixture(scope="session")
def diabetes_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """scikit-learn's diabetes table as a CSV file."""
    data = load_diabetes(scaled=False)
    path = tmp_path_factory.mktemp("diabetes") / "diabetes.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*data.feature_names, "target"])
        writer.writerows(
            [*row, target] for row, target in zip(data.data, data.target, strict=True)
        )
    return path
