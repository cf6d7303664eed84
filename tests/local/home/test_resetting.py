"""What reset deletes, and what it must not."""

from pathlib import Path

import pytest

from batchpredict.errors import EnvironmentFault, UsageError
from batchpredict.local.home import resetting
from batchpredict.local.home.folder import lock_home, prepare_home
from batchpredict.local.home.resetting import KNOWN, check_home, reset_home
from batchpredict.local.session import LocalVertex


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder as a session leaves it."""
    home = prepare_home(tmp_path / "home")
    (home / "work-folder").write_text("/tmp/batchpredict-abc")
    with lock_home(home):
        (home / "storage" / "bucket").mkdir()
        (home / "storage" / "bucket" / "object").write_text("x")
    return home


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "precious").write_text("x")
    return folder


def test_an_emptied_home_is_gone(home: Path) -> None:
    deleted, left = reset_home(check_home(home))
    assert {"storage", "runs", "vertex", "logs", "work-folder", "lock"} == set(deleted)
    assert left == []
    assert not home.exists()


def test_what_is_not_known_stays(home: Path) -> None:
    (home / "notes.txt").write_text("mine")
    (home / "storage.old").mkdir()
    assert reset_home(check_home(home))[1] == ["notes.txt", "storage.old"]
    assert sorted(path.name for path in home.iterdir()) == ["notes.txt", "storage.old"]


def test_links_are_removed_and_not_followed(home: Path, outside: Path) -> None:
    (home / "storage" / "linked").symlink_to(outside)
    (home / "cache").symlink_to(outside)
    (home / "logs" / "broken").symlink_to(outside / "nothing")
    reset_home(check_home(home))
    assert not home.exists()
    assert (outside / "precious").exists()


def test_a_home_that_is_a_link_itself(home: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(home)
    reset_home(check_home(link))
    assert not home.exists()


def test_a_home_in_use_is_not_touched(home: Path) -> None:
    with lock_home(home), pytest.raises(EnvironmentFault, match="E302"):
        reset_home(check_home(home))
    assert (home / "storage" / "bucket" / "object").exists()


def test_a_reset_that_was_interrupted_can_be_repeated(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete = resetting._delete
    done: list[Path] = []

    def interrupted(path: Path) -> None:
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(path)
        delete(path)

    monkeypatch.setattr(resetting, "_delete", interrupted)
    with pytest.raises(KeyboardInterrupt):
        reset_home(check_home(home))
    monkeypatch.setattr(resetting, "_delete", delete)
    reset_home(check_home(home))
    assert not home.exists()


@pytest.mark.parametrize("damage", ["no lock", "no note", "other note", "linked note", "nothing"])
def test_another_folder_is_refused(home: Path, damage: str) -> None:
    note = home / "work-folder"
    if damage == "no lock":
        (home / "lock").unlink()
    elif damage == "other note":
        note.write_text("/home/me/work")
    else:
        note.unlink()
    if damage == "linked note":
        (home / "elsewhere").write_text("/tmp/batchpredict-abc")
        note.symlink_to(home / "elsewhere")
    asked = home / "nothing" if damage == "nothing" else home
    with pytest.raises(UsageError, match=r"E308 .* is not a home folder"):
        check_home(asked)
    assert (home / "storage" / "bucket" / "object").exists()


def test_all_that_a_session_makes_is_known(vertex: LocalVertex) -> None:
    made = {path.name for path in vertex.home.iterdir()}
    assert made - {"secrets"} <= set(KNOWN)  # secrets are put there by people, and stay
