"""The files that a batch prediction job leaves, sorted by what they are."""

from batchpredict.runtime.results.generations import stored_objects
from batchpredict.runtime.shards import read_lines


def list_results(folder: str) -> dict[str, list[str]]:
    """Sort the files of a batch prediction's output folder by what they are.

    Args:
        folder: The folder that the job reports as ``outputInfo.gcsOutputDirectory``.

    Returns:
        File names under ``jsonl`` and ``csv`` (results), ``errors`` (failed rows),
        ``errors_stats`` and ``unknown``, the shards in index order. Folders below, such as those
        of model monitoring, are left alone.

    Raises:
        ValueError: E221, the folder or a shard is missing, two runs share the folder, or there
            are no results in it.
    """
    import os

    if not os.path.isdir(folder):
        raise ValueError(f"E221 there is no output directory {folder}; did the job write there?")
    found: dict[str, list[str]] = {
        kind: [] for kind in ("jsonl", "csv", "errors", "errors_stats", "unknown")
    }
    for name in sorted(os.listdir(folder)):
        whole = os.path.isfile(os.path.join(folder, name))
        found[file_kind(name) if whole else "unknown"].append(name)
    for kind in found:
        if kind != "unknown":
            found[kind] = order_shards(folder, found[kind])
    prefer_explanations(folder, found)
    check_results(folder, found)
    return found


def file_kind(name: str) -> str:
    """Return what a file is, by its name; ``unknown`` when it is no part of the output."""
    import re

    numbered = r"-\d+-of-\d+(?:\.\w+)?"
    if re.fullmatch(rf"(?:prediction|explanation)\.errors_stats{numbered}", name):
        return "errors_stats"
    if re.fullmatch(r"errors(?:_\d+)?\.(?:jsonl|csv)", name):
        return "errors"
    sharded = r"(?:prediction|explanation)\.results-\d+-of-\d+(?:\.(?P<a>jsonl|json|csv))?"
    counted = r"(?:predictions|tables)(?:_\d+)?\.(?P<b>jsonl|csv)"
    match = re.fullmatch(f"{sharded}|{counted}", name)
    if not match:
        return "unknown"
    return "csv" if "csv" in (match["a"], match["b"]) else "jsonl"


def order_shards(folder: str, names: list[str]) -> list[str]:
    """Order the files of one kind by index, and see that none of a run is missing.

    Raises:
        ValueError: E221, a file is missing or twice there, or two runs share the folder.
    """
    import re

    runs: dict[str, list[tuple[int, int, str]]] = {}
    for name in names:
        of = re.findall(r"-(\d+)-of-(\d+)", name)
        single = re.findall(r"_(\d+)\.\w+$", name)
        index, count = of[-1] if of else (single[0] if single else "0", "-1")
        runs.setdefault(re.split(r"[-_]\d", name)[0], []).append((int(index), int(count), name))
    for shards in runs.values():
        shards.sort()
        if any(count >= 0 for _, count, _ in shards):
            check_complete(folder, shards)
        else:
            check_numbered(folder, shards)
    return [name for prefix in sorted(runs) for _, _, name in runs[prefix]]


def check_numbered(folder: str, shards: list[tuple[int, int, str]]) -> None:
    """See that the files ``(index, -1, name)``, which do not say how many they are, have no gap.

    They are numbered from 1. Files of errors may leave a number out, as nobody says that each
    number stands there: that is only told.

    Raises:
        ValueError: E221, a number is missing or twice there.
    """
    import logging

    there = {index for index, _, _ in shards}
    if len(there) < len(shards):
        raise ValueError(
            f"E221 {folder} holds two files of one number, such as {shards[0][2]}: "
            "two runs share the folder; give each run its own"
        )
    # A number is text of the file's name: never build a list as long as it says.
    lacking = next(index for index in range(1, len(there) + 2) if index not in there)
    if lacking < shards[-1][0]:
        what = f"{folder} holds {shards[-1][2]} but no file of the number {lacking}"
        if not shards[-1][2].startswith("errors"):
            raise ValueError(f"E221 {what}; the job has not finished or the copy is incomplete")
        logging.warning("%s: failed rows may be missing", what)


def check_complete(folder: str, shards: list[tuple[int, int, str]]) -> None:
    """See that the shards ``(index, count, name)`` are those of one whole run.

    Raises:
        ValueError: E221.
    """
    import itertools

    counts = sorted({count for _, count, _ in shards})
    if len(counts) > 1:
        raise ValueError(
            f"E221 {folder} holds shards of {counts[0]} and of {counts[1]}: two runs share the "
            "folder; give each run its own"
        )
    for before, after in itertools.pairwise(shards):
        if before[0] == after[0]:
            raise ValueError(f"E221 {folder} holds shard {after[0]} twice: {after[2]}")
    there = {index for index, _, _ in shards}
    # A count is text of the file's name: never build a list as long as it says.
    lacking = next(index for index in range(len(there) + 1) if index not in there)
    if lacking < counts[0] or len(there) != counts[0]:
        raise ValueError(
            f"E221 {folder} lacks shard {lacking} of {counts[0]}, {len(there)} are there; "
            "the job has not finished or the copy is incomplete"
        )


def prefer_explanations(folder: str, found: dict[str, list[str]]) -> None:
    """Leave out the predictions that stand again, with an explanation, in other files.

    Raises:
        ValueError: E221, the ones are not as many as the others.
    """
    for kind in ("jsonl", "csv"):
        explained = [name for name in found[kind] if name.startswith("explanation.")]
        if explained:
            others = [name for name in found[kind] if name.startswith("prediction.")]
            if others and count_lines(folder, explained) != count_lines(folder, others):
                raise ValueError(
                    f"E221 {folder} holds explanation.results and prediction.results with "
                    "different numbers of rows: two runs share the folder; give each run its own"
                )
            found["unknown"] += others
            found[kind] = [name for name in found[kind] if name not in others]


def count_lines(folder: str, names: list[str]) -> int:
    """Count the lines of files that are not blank."""
    import os

    paths = [os.path.join(folder, name) for name in names]
    return sum(line is None or bool(line.strip()) for p in paths for line in read_lines(p))


def check_results(folder: str, found: dict[str, list[str]]) -> None:
    """See that a folder holds the results of one job, in one format.

    Raises:
        ValueError: E221.
    """
    import re

    results = found["jsonl"] + found["csv"]
    if not results and not found["errors"]:
        inside = ", ".join(found["unknown"][:5]) or "nothing"
        raise ValueError(
            f"E221 {folder} holds no results of a batch prediction but {inside}; "
            "give the folder that the job reports as outputInfo.gcsOutputDirectory"
        )
    families = {re.split(r"[-_]\d|\.(?:jsonl|csv)$", name)[0] for name in results}
    mixed = "results as jsonl and as csv" if found["jsonl"] and found["csv"] else ""
    if mixed or len(families) > 1:
        what = mixed or f"files called {' and '.join(sorted(families))}"
        raise ValueError(
            f"E221 {folder} holds {what}: two runs share the folder; give each run its own"
        )
    check_unpacked(folder, results + found["errors"])


def check_unpacked(folder: str, names: list[str]) -> None:
    """Refuse files that are compressed.

    Raises:
        ValueError: E221.
    """
    import os

    for name in names:
        with open(os.path.join(folder, name), "rb") as file:
            if file.read(2) == b"\x1f\x8b":
                raise ValueError(f"E221 {folder}/{name} is compressed; unpack it first")


def describe_files(folder: str, names: list[str], uri: str) -> list[dict[str, object]]:
    """Return ``name``, ``bytes``, ``generation`` and ``md5`` of files, for the manifest.

    Args:
        folder: Where they are, as a local path.
        names: Their names.
        uri: The same folder as the artifact names it; of a ``gs://`` folder Cloud Storage is
            asked for the generations, else they are None.
    """
    import os

    objects = stored_objects(uri) if uri.startswith("gs://") else {}
    return [
        {
            "name": name,
            "bytes": os.path.getsize(os.path.join(folder, name)),
            "generation": objects.get(name, {}).get("generation"),
            "md5": objects.get(name, {}).get("md5Hash"),
        }
        for name in names
    ]
