"""A pipeline of two small steps for the verbs that work on Vertex AI, compiled."""

from pathlib import Path

from kfp import dsl
from kfp.compiler import Compiler


@dsl.component(base_image="python:3.12")
def say(text: str, seconds: float = 0.0, fail: bool = False) -> str:
    """Print a text, wait, and fail if asked."""
    import time

    print(f"begin {text}", flush=True)
    time.sleep(seconds)
    if fail:
        raise ValueError(f"{text} was told to fail")
    print(f"end {text}", flush=True)
    return text


@dsl.pipeline(name="talk")
def talk(
    text: str,
    seconds: float = 0.0,
    fail: bool = False,
    count: int = 1,  # noqa: ARG001 - for the tests of parameters
    names: list = ["a"],  # noqa: ARG001, B006
) -> None:
    """Two steps, one after the other."""
    first = say(text=text, seconds=seconds, fail=fail).set_display_name("first")
    say(text=f"then {first.output}").set_display_name("second")


def compiled(folder: Path) -> Path:
    """Write the pipeline into a folder and return its path."""
    path = folder / "talk.yaml"
    Compiler().compile(talk, str(path))
    return path
