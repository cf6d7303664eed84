"""What images.toml may say, and what is said when it says something else."""

import sys
from pathlib import Path

import pytest

from batchpredict.errors import UsageError
from batchpredict.local.serving.images import Image, load_images


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "images.toml"


def fault(file: Path, text: str) -> str:
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_images(file)
    assert caught.value.code == "E335"
    assert caught.value.message.startswith(f"{file}: ") or "is not TOML" in caught.value.message
    return caught.value.message


def test_an_entry_with_everything(file: Path) -> None:
    (file.parent / "scorer").mkdir()
    file.write_text(
        f"""
        [[image]]
        match = "gcr.io/p/scorer:*"
        command = ["python3", "-m", "scorer"]
        directory = "scorer"
        python = "{sys.executable}"
        environment = {{ MODE = "fast" }}

        [[image]]
        match = "gcr.io/p/*"
        packages = ["scikit-learn==1.5.2"]
        """
    )
    first, second = load_images(file).entries
    assert first == Image(
        match="gcr.io/p/scorer:*",
        command=("python3", "-m", "scorer"),
        directory=file.parent / "scorer",
        python=Path(sys.executable),
        environment={"MODE": "fast"},
    )
    assert second == Image(match="gcr.io/p/*", packages=("scikit-learn==1.5.2",))


def test_a_virtual_environment_is_meant_by_its_folder(file: Path) -> None:
    python = file.parent / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    file.write_text('[[image]]\nmatch = "a"\npython = "venv"')
    assert load_images(file).entries[0].python == python


@pytest.mark.parametrize(
    ("pattern", "uri", "meant"),
    [
        ("gcr.io/p/scorer:*", "gcr.io/p/scorer:1", True),
        ("gcr.io/p/scorer:*", "gcr.io/p/scorer", True),  # no tag is the tag latest
        ("gcr.io/p/scorer:latest", "gcr.io/p/scorer", True),
        ("gcr.io/p/scorer", "gcr.io/p/scorer", True),
        ("gcr.io/p/scorer", "gcr.io/p/scorer:latest", False),
        ("gcr.io/p/scorer@*", "gcr.io/p/scorer@sha256:12", True),
        ("gcr.io/p/scorer:*", "gcr.io/p/scorer@sha256:12", False),
        ("localhost:5000/s:*", "localhost:5000/s", True),
        ("gcr.io/*", "gcr.io/p/q/r:1", True),
        ("GCR.io/*", "gcr.io/p", False),
        ("gcr.io/p/s[12]:*", "gcr.io/p/s2:x", True),
        ("gcr.io/p/s?:*", "gcr.io/p/s:x", False),
    ],
)
def test_which_images_a_pattern_means(pattern: str, uri: str, meant: bool) -> None:
    assert Image(pattern).matches(uri) is meant


def test_of_two_entries_the_first_is_taken(file: Path) -> None:
    file.write_text('[[image]]\nmatch = "a:1"\n[[image]]\nmatch = "a:*"\n[[image]]\nmatch = "*"')
    images = load_images(file)
    assert [images.find(uri) for uri in ("a:1", "a:2", "b")] == list(images.entries)


def test_an_image_that_is_not_meant(file: Path) -> None:
    file.write_text('[[image]]\nmatch = "a:*"')
    assert load_images(file).find("b:1") is None


def test_the_file_of_the_current_folder_is_taken(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    assert load_images(None).entries == ()
    file.write_text('[[image]]\nmatch = "a"\ndirectory = "."')
    assert load_images(None).entries[0].directory == file.parent


def test_a_file_that_is_named_must_be_there(file: Path) -> None:
    with pytest.raises(UsageError, match=r"^E335 .*images.toml: cannot be read: No such file"):
        load_images(file)


ENTRY = '[[image]]\nmatch = "a"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[image]", "is not TOML: Expected ']]'"),
        ('images = "a"', "there is no key 'images'; did you mean 'image'?"),
        ('image = "a"', "image must be written as [[image]]"),
        ("image = [1]", "image must be written as [[image]]"),
        ("[[image]]", "[[image]] 1: match: is required"),
        ('[[image]]\nmatch = ""', "[[image]] 1: match: is required"),
        ("[[image]]\nmatch = 1", "[[image]] 1: match: must be a text"),
        (
            ENTRY + 'comand = ["a"]',
            "[[image]] 1: there is no key 'comand'; did you mean 'command'",
        ),
        (ENTRY + "zzz = 1", "[[image]] 1: there is no key 'zzz'; known: match, command"),
        (ENTRY + 'command = "a"', "[[image]] 1: command: must be a list of texts"),
        (ENTRY + "command = [1]", "[[image]] 1: command: must be a list of texts"),
        (ENTRY + "command = []", "[[image]] 1: command: must hold something"),
        (ENTRY + 'command = ["a", ""]', "[[image]] 1: command: must hold something, and no empty"),
        (ENTRY + 'directory = "none"', "[[image]] 1: directory: there is no folder"),
        (ENTRY + 'python = "none"', "is neither an interpreter nor a virtual environment"),
        (ENTRY + 'packages = ["--pre"]', "packages: '--pre' is an option of pip"),
        (ENTRY + "environment = { A = 1 }", "environment: must be a table of texts"),
        (ENTRY + 'environment = { AIP_MODE = "x" }', "environment: must not set 'AIP_MODE'"),
        (ENTRY + 'environment = { "A=B" = "x" }', "'A=B' is no name of a variable"),
        (ENTRY + ENTRY, "[[image]] 2: match: is that of [[image]] 1 too"),
    ],
)
def test_what_it_may_not_say(file: Path, text: str, message: str) -> None:
    assert message in fault(file, text)


def test_an_interpreter_and_packages_exclude_each_other(file: Path) -> None:
    text = f'{ENTRY}python = "{sys.executable}"\npackages = ["a"]'
    assert "[[image]] 1: packages: python is given too" in fault(file, text)


def test_what_is_not_utf_8(file: Path) -> None:
    file.write_bytes(b'[[image]]\nmatch = "\xff"')
    with pytest.raises(UsageError, match="is not TOML"):
        load_images(file)
