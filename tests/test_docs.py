"""What the documentation says is compared with the sources."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from helpers import ROOT
from kfp import components

SOURCES = [
    *(ROOT / "src").rglob("*.py"),
    *(ROOT / "components").glob("*.py"),
    *(ROOT / "pipelines").glob("*.py"),
]
CODE = re.compile(r"\bE[1-4]\d\d\b")


def test_every_message_code_is_documented_and_no_other() -> None:
    used = {code for path in SOURCES for code in CODE.findall(path.read_text())}
    text = (ROOT / "docs" / "reference" / "messages.md").read_text()
    listed = re.findall(r"^\| (E\d{3}) \|", text, re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert set(listed) == used


def test_the_example_of_the_readme_compiles(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text()
    [example] = re.findall(r"```python\n(from google_cloud_pipeline.*?)```", text, re.DOTALL)
    assert len([line for line in example.splitlines() if line.strip()]) <= 24
    (tmp_path / "example.py").write_text(example)
    subprocess.run([sys.executable, "-W", "ignore", "example.py"], cwd=tmp_path, check=True)
    assert "comp-parse-predictions" in (tmp_path / "score_rows.yaml").read_text()


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text()))
def test_every_link_of_the_readme_leads_somewhere(link: str) -> None:
    assert (ROOT / link).exists()


@pytest.mark.parametrize(
    "path", sorted((ROOT / "compiled" / "components").glob("*.yaml")), ids=lambda path: path.stem
)
def test_each_component_loads_from_its_file(path: Path) -> None:
    component = components.load_component_from_file(str(path))
    assert component.name == path.stem.replace("_", "-")
    assert component.description


@pytest.mark.parametrize(
    "path", sorted((ROOT / "compiled").rglob("*.yaml")), ids=lambda path: path.stem
)
def test_every_input_and_output_is_described(path: Path) -> None:
    """The Vertex console shows these texts."""
    root = yaml.safe_load(path.read_text())["root"]
    for side in ("inputDefinitions", "outputDefinitions"):
        for group in ("parameters", "artifacts"):
            for name, item in root.get(side, {}).get(group, {}).items():
                assert item.get("description"), f"{side} {name}"
