"""Packages of which parts are imported first: nobody but the clock can tell the difference."""

import subprocess
import sys
from pathlib import Path

import pytest

BEGIN = """
import sys, threading
from batchpredict.local.parts import import_parts_of
import_parts_of("google.cloud.aiplatform_v1", "kfp")
"""


def run(text: str, folder: Path | None = None, begin: str = BEGIN) -> str:
    """Run a program in a Python of its own, and return what it prints."""
    command = [sys.executable, "-W", "ignore", "-c", begin + text]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_parts_come_without_the_whole() -> None:
    text = """
from google.cloud.aiplatform_v1 import types
import google.cloud.aiplatform_v1.services.model_service.transports
from kfp import dsl
from kfp.local import utils
print([name for name in ("kubernetes", "kfp.client") if name in sys.modules])
print("google.cloud.aiplatform_v1.services.data_foundry_service" in sys.modules)
print(types.Model(name="a").name, dsl.Dataset.schema_title)
"""
    assert run(text) == "[]\nFalse\na system.Dataset\n"


def test_who_asks_for_more_gets_the_whole_with_the_same_parts() -> None:
    text = """
from google.cloud.aiplatform_v1 import types
import google.cloud.aiplatform_v1 as package
import kfp
import google.cloud
print(package.PipelineServiceClient.__name__, package.Model is types.Model)
print(package.types is types, google.cloud.aiplatform_v1 is package, type(package).__name__)
print(kfp.Client.__name__, kfp.__version__, "Model" in dir(package))
from google.cloud.aiplatform_v1 import *
print(ScheduleServiceClient.__name__)
"""
    from kfp import __version__

    lines = run(text).splitlines()
    assert lines[0] == "PipelineServiceClient True"
    assert lines[1] == "True True module"
    assert lines[2:] == [f"Client {__version__} True", "ScheduleServiceClient"]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "slow").mkdir()
    (tmp_path / "slow" / "part.py").write_text("number = 1\n")
    text = "import time\nprint('whole')\ntime.sleep(0.2)\nvalue = []\n"
    (tmp_path / "slow" / "__init__.py").write_text(text)
    return tmp_path


BEGIN_SLOW = """
import sys, threading
sys.path.insert(0, ".")
from batchpredict.local.parts import import_parts_of
import_parts_of("slow", "nothing_like_it")
import slow
"""


def test_threads_that_ask_at_once_load_it_once_and_get_the_same(package: Path) -> None:
    text = """
found, start = [], threading.Barrier(8)
def ask():
    start.wait()
    found.append(slow.value)
threads = [threading.Thread(target=ask) for _ in range(8)]
[it.start() for it in threads]; [it.join() for it in threads]
print(len(found), len(set(map(id, found))))
"""
    assert run(text, package, BEGIN_SLOW) == "whole\n8 1\n"


def test_what_is_not_there_is_an_attribute_error(package: Path) -> None:
    text = """
print(hasattr(slow, "__nothing__"))
print(hasattr(slow, "nothing"))
print(hasattr(slow, "value"))
"""
    assert run(text, package, BEGIN_SLOW) == "False\nwhole\nFalse\nTrue\n"


def test_a_package_that_cannot_be_loaded_says_so_each_time(package: Path) -> None:
    (package / "slow" / "__init__.py").write_text("raise RuntimeError('broken')\n")
    text = """
for _ in range(2):
    try:
        slow.value
    except RuntimeError as error:
        print(error)
import slow.part
print(slow.part.number)
"""
    assert run(text, package, BEGIN_SLOW) == "broken\nbroken\n1\n"


def test_a_package_that_is_loaded_is_left_alone(package: Path) -> None:
    begin = BEGIN_SLOW.replace("from batchpredict", "import slow as before\nfrom batchpredict")
    assert run("print(before is slow, type(slow).__name__)", package, begin) == (
        "whole\nTrue module\n"
    )
