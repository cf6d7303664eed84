"""Instances on their way into files: every row is judged before any file is in its place."""

from typing import TYPE_CHECKING, Any

from batchpredict.runtime.instances.lines import finite_checker, plain_text, sample_builder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import duckdb


def table_rows(
    con: "duckdb.DuckDBPyConnection", cells: dict[str, str], names: list[str]
) -> "Iterator[tuple[str | None, ...]]":
    """Yield the rows of the table ``source`` in their order, as JSON texts.

    Args:
        con: The scratch database.
        cells: SQL of the JSON texts of each column.
        names: The columns, in the order wanted.
    """
    columns = ", ".join(cells[name] for name in names)
    found = con.execute(f"SELECT {columns} FROM source")
    while chunk := found.fetchmany(1000):
        yield from chunk


def write_rows(
    rows: "Iterable[Sequence[str | None]]",
    build: "Callable[[Sequence[str | None]], Any]",
    judge: "Callable[[Sequence[str | None]], None]",
    sink: "dict[str, Any]",
    named: bool,
) -> int:
    """Write each row as an instance, and return their number.

    Args:
        rows: The rows, as JSON texts.
        build: Turns a row into what ``sink`` takes; ValueError for a row that has no such form.
        judge: Raises ValueError for a row that must not be written.
        sink: From ``open_sink``.
        named: Whether the first cell of a row tells it apart.

    Raises:
        ValueError: E212, E216: the first 20 rows that cannot be instances, and how many there are.
    """
    number = 0
    faults: dict[str, list[str]] = {}
    try:
        for number, row in enumerate(rows, start=1):
            try:
                judge(row)
                sink["write"](build(row))
            except ValueError as error:
                note_fault(faults, number, row[0] if named else None, str(error))
    finally:
        sink["close"]()
    if faults:
        raise ValueError("; ".join(told_faults(faults, number)) + "; mend these rows")
    return number


def note_fault(faults: dict[str, list[str]], number: int, name: str | None, reason: str) -> None:
    """Note a row that cannot be an instance under its code; past 20 rows it is only counted."""
    code = "E216" if reason.startswith("E216 ") else "E212"
    found = faults.setdefault(code, ["0"])
    found[0] = str(int(found[0]) + 1)
    if len(found) <= 20:
        row = f"row {number} ({plain_text(name)[:100]})" if name else f"row {number}"
        found.append(f"{row}: {reason.removeprefix('E216 ')}")


def told_faults(faults: dict[str, list[str]], rows: int) -> list[str]:
    """Return what is wrong with which rows, a text for each code."""
    said = {"E212": "cannot be written", "E216": "do not fit the model's instance schema"}
    return [
        f"{code} {found[0]} of {rows} rows {said[code]}: {'; '.join(found[1:])}"
        for code, found in sorted(faults.items())
    ]


def row_judge(
    columns: list[str], key: str, misfits: Any, form: str
) -> "Callable[[Sequence[str | None]], None]":
    """Return a function that refuses rows that no format holds, or that do not fit the schema.

    Args:
        columns: The columns; the key, if there is one, is the first.
        key: The key field, which the model does not get.
        misfits: From ``schema_checker``, or None.
        form: What the model gets, for ``sample_builder``.
    """
    check_finite = finite_checker(columns)
    first = 1 if key else 0
    sample = sample_builder(columns[first:], form)

    def judge(row: "Sequence[str | None]") -> None:
        check_finite(row)
        found = misfits(sample(row[first:])) if misfits else []
        if found:
            raise ValueError("E216 " + ", ".join(found[:3]))

    return judge


def open_sink(
    instances_format: str, folder: str, shard_rows: int, heading: str
) -> "dict[str, Any]":
    """Return ``write`` and ``close``, and the ``files`` that they make in a folder.

    Args:
        instances_format: As ``prepare_instances`` takes it.
        folder: Where the files go.
        shard_rows: Rows of a file, 0 for a single file.
        heading: First line of each file, "" for none.
    """
    import os

    files: list[str] = []
    opened: dict[str, Any] = {"rows": 0}

    def write(item: Any) -> None:
        if not files or (shard_rows and opened["rows"] == shard_rows):
            close()
            files.append(os.path.join(folder, f"instances-{len(files) + 1:05d}"))
            records = instances_format.startswith("tf-record")
            opened.update(open_records(files[-1]) if records else open_lines(files[-1], heading))
            opened["rows"] = 0
        opened["write"](item)
        opened["rows"] += 1

    def close() -> None:
        if end := opened.pop("close", None):
            end()
            if instances_format == "tf-record-gzip":
                gzip_file(files[-1])

    return {"write": write, "close": close, "files": files}


def open_lines(path: str, heading: str) -> "dict[str, Any]":
    """Open a text file; its ``write`` takes lines without their ends."""
    file = open(path, "w", encoding="utf-8", newline="\n")  # noqa: SIM115 - the caller closes it
    if heading:
        file.write(heading + "\n")
    return {"write": lambda line: file.write(line + "\n"), "close": file.close}


def open_records(path: str) -> "dict[str, Any]":
    """Open a TFRecord file; its ``write`` takes what ``example_builder`` makes."""
    from tfrecord.writer import TFRecordWriter

    writer = TFRecordWriter(path)
    return {"write": writer.write, "close": writer.close}


def gzip_file(path: str) -> None:
    """Compress a file in its place."""
    import gzip
    import os
    import shutil

    with open(path, "rb") as plain, gzip.GzipFile(f"{path}.gz", "wb", mtime=0) as packed:
        shutil.copyfileobj(plain, packed)
    os.replace(f"{path}.gz", path)


def publish_files(files: list[str], artifact: Any, kind: str, sharded: bool) -> list[str]:
    """Bring finished files to where the artifact is, and return their URIs.

    Args:
        files: The files, in a scratch folder.
        artifact: Gets the extension of the format, unless it is a folder.
        kind: The format.
        sharded: Whether it is a folder with the files.
    """
    import os

    endings = {"file-list": "txt", "tf-record": "tfrecord", "tf-record-gzip": "tfrecord.gz"}
    ending = endings.get(kind, kind)
    if not sharded:
        artifact.uri += f".{ending}"
        place_file(files[0], artifact.path)
        return [str(artifact.uri)]
    names = [f"{os.path.basename(file)}.{ending}" for file in files]
    for file, name in zip(files, names, strict=True):
        place_file(file, os.path.join(artifact.path, name))
    return [f"{artifact.uri}/{name}" for name in names]


def place_file(source: str, path: str) -> None:
    """Copy a file; whoever looks finds it whole or not at all."""
    import os
    import shutil

    os.makedirs(os.path.dirname(path), exist_ok=True)
    shutil.copyfile(source, f"{path}.new")
    os.replace(f"{path}.new", path)
