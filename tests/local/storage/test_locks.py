"""Many threads in one store: what is acknowledged is there, whole, with its own metadata."""

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from batchpredict.local.storage.errors import StorageError
from batchpredict.local.storage.locks import StoreLocks
from batchpredict.local.storage.objects import ObjectStore
from batchpredict.local.storage.stored import StoredObject


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    made = ObjectStore(tmp_path / "root")
    made.create_bucket("bkt")
    return made


def put(store: ObjectStore, name: str, text: str) -> StoredObject:
    with store.staging.staged(text.encode()) as staged:
        return store.commit(staged, "bkt", name, {"contentType": f"x/{text}"})


def test_uploads_deletions_and_reads_side_by_side(store: ObjectStore) -> None:
    """Each thread has names of its own, in folders that all of them empty and fill."""

    def work(thread: int) -> dict[str, str]:
        dice = random.Random(thread)
        there: dict[str, str] = {}
        for turn in range(150):
            name = f"{dice.choice('ab')}/{dice.choice('cd')}/{thread}-{turn % 3}"
            if name in there and dice.random() < 0.6:
                store.delete("bkt", name)
                del there[name]
            else:
                there[name] = f"{thread}-{turn}"
                put(store, name, there[name])
            for known, text in there.items():
                with store.open("bkt", known) as (found, file):
                    assert (file.read().decode(), found.content_type) == (text, f"x/{text}")
        return there

    with ThreadPoolExecutor(8) as pool:
        kept = {name: text for part in pool.map(work, range(8)) for name, text in part.items()}
    assert store.names("bkt") == sorted(kept)
    for name, text in kept.items():
        assert store.get("bkt", name).content_type == f"x/{text}"
    assert len({store.get("bkt", name).generation for name in kept}) == len(kept)


def test_readers_never_see_data_with_the_metadata_of_another_generation(
    store: ObjectStore,
) -> None:
    put(store, "a", "0")

    def write(_: int) -> None:
        for turn in range(300):
            made = put(store, "a", str(turn))
            assert store.get("bkt", "a").generation >= made.generation

    def read(_: int) -> None:
        for _ in range(300):
            with store.open("bkt", "a") as (found, file):
                assert found.content_type == f"x/{file.read().decode()}"

    with ThreadPoolExecutor(4) as pool:
        done = [
            *(pool.submit(write, n) for n in range(2)),
            *(pool.submit(read, n) for n in (0, 1)),
        ]
        for future in done:
            future.result()


def test_a_marker_is_kept_while_its_folder_is_emptied(store: ObjectStore) -> None:
    for _ in range(60):
        put(store, "d/x", "x")
        with ThreadPoolExecutor(2) as pool:
            gone = pool.submit(store.delete, "bkt", "d/x")
            with store.staging.staged() as staged:
                store.commit(staged, "bkt", "d/", {})
            gone.result()
        assert store.names("bkt") == ["d/"]
        store.delete("bkt", "d/")


def test_a_bucket_is_deleted_whole_or_not_at_all(store: ObjectStore) -> None:
    for turn in range(60):
        with ThreadPoolExecutor(2) as pool:
            upload = pool.submit(put, store, "a", str(turn))
            delete = pool.submit(store.delete_bucket, "bkt")
            problems = [upload.exception(), delete.exception()]
        assert [isinstance(it, StorageError) for it in problems].count(True) == 1
        if problems[1]:
            assert store.get("bkt", "a").content_type == f"x/{turn}"
            store.delete("bkt", "a")
        else:
            assert not store.bucket_exists("bkt")
            store.create_bucket("bkt")


def test_a_replaced_object_is_opened_again(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "a", "old")
    first = store.get("bkt", "a")
    put(store, "a", "new")
    answers = iter([first])
    real = store.get
    monkeypatch.setattr(store, "get", lambda *it: next(answers, None) or real(*it))
    with store.open("bkt", "a") as (found, file):
        assert (file.read(), found.content_type) == (b"new", "x/new")


def test_a_folder_that_vanishes_while_it_is_made_is_made_again(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Path.mkdir finds the folder there, and asks once more, when it is gone."""
    real, calls = Path.mkdir, []

    def mkdir(path: Path, *arguments: bool, **named: bool) -> None:
        calls.append(path)
        if len(calls) == 1:
            raise FileExistsError(17, "File exists", str(path))
        real(path, *arguments, **named)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    put(store, "deep/er/a", "x")
    assert len(calls) > 1
    assert store.get("bkt", "deep/er/a").size == 1


def test_every_lock_is_held_at_once() -> None:
    locks = StoreLocks()
    with locks.every(), ThreadPoolExecutor(1) as pool:
        for lock in (locks.folders, locks.of("b", "x"), locks.of("b", "y")):
            assert not pool.submit(lock.acquire, blocking=False).result()
    assert locks.of("b", "x") is locks.of("b", "x")
