"""Predictions that stand in CSV, brought into the JSON Lines that all else reads."""

from typing import TYPE_CHECKING

from batchpredict.runtime.results.csv_sieve import csv_columns, sift_rows
from batchpredict.runtime.results.sieve import count_line_ends, unfinished_lines
from batchpredict.runtime.tables import sql_text

if TYPE_CHECKING:
    import duckdb


def prediction_columns(header: list[str], target_column: str) -> dict[str, str]:
    """Find the columns of the prediction: ``predicted_<target>``, or one score for each class.

    Args:
        header: The columns of a file.
        target_column: The target, "" to tell it by the columns.

    Returns:
        ``{column: class}``; the class is "" of the one column of a regression or a forecast.

    Raises:
        ValueError: E227, there is no such column, or more than one target is possible.
    """
    values = [name for name in header if name.startswith("predicted_")]
    scores = [name for name in header if name.endswith(("_score", "_scores"))]
    targets = {name.removeprefix("predicted_") for name in values} | score_targets(scores, header)
    if target_column:
        targets &= {target_column}
        targets |= {target_column} if csv_classes(scores, target_column) else set()
    if len(targets) != 1:
        raise ValueError(
            f"E227 the columns {', '.join(header[:30])} hold "
            f"{'predictions of ' + ' or '.join(sorted(targets)) if targets else 'no prediction'}"
            f"{f' of {target_column!r}' if target_column else ''}; "
            "give target_column the name of the predicted column"
        )
    target = targets.pop()
    if f"predicted_{target}" in values:
        return {f"predicted_{target}": ""}
    return csv_classes(scores, target)


def csv_classes(scores: list[str], target: str) -> dict[str, str]:
    """Return the columns of a target's classes, with the classes."""
    found = {}
    for name in scores:
        middle = without_suffix(name)
        if middle.startswith(f"{target}_"):
            found[name] = middle.removeprefix(f"{target}_")
    return found


def without_suffix(name: str) -> str:
    """Return the name of a score column without its ending, which stands in two spellings."""
    return name.removesuffix("_scores" if name.endswith("_scores") else "_score")


def score_targets(scores: list[str], header: list[str]) -> set[str]:
    """Return the targets that the names of score columns allow.

    Target and class are joined by an underscore, which both may hold themselves; a column of the
    target's name beside them decides.
    """
    import itertools

    if not scores:
        return set()
    bare = [without_suffix(name) for name in scores]
    same = itertools.takewhile(lambda letters: len(set(letters)) == 1, zip(*bare, strict=False))
    shared = "".join(letters[0] for letters in same)
    places = [place for place, letter in enumerate(shared) if letter == "_" and place]
    found = {shared[:place] for place in places}
    return found & set(header) or found


def csv_lines(
    con: "duckdb.DuckDBPyConnection",
    path: str,
    target_column: str,
    errors: bool,
    whole: bool,
    lines: str,
) -> None:
    """Write the rows of a CSV file as JSON Lines; what is no row becomes a line with an error.

    Args:
        con: A connection for this work alone.
        path: The file.
        target_column: The target, "" to tell it by the columns.
        errors: Whether it holds the rows that failed, with a column ``errors_<target>``.
        whole: Whether the last line must have a line feed.
        lines: Path of the file to write, in a folder of its own.

    Raises:
        ValueError: E227; E228 two columns have one name; E202 no CSV.
    """
    header = csv_columns(path)
    copy_table(con, path, header, json_line(header, target_column, errors), whole, lines)


def copy_table(
    con: "duckdb.DuckDBPyConnection",
    path: str,
    header: list[str],
    line: str,
    whole: bool,
    lines: str,
) -> str:
    """Write the rows of a CSV file as texts, a line each; what is no row becomes its error.

    DuckDB reads a file in which all is well. It stops at a line that is no row, but leaves out a
    very long one without a word, so that the rows are counted.

    Args:
        con: A connection for this work alone.
        path: The file.
        header: Its columns.
        line: The SQL of a row's text, of the cells ``c0``, ``c1`` and so on.
        whole: Whether the last line must have a line feed.
        lines: Path of the file to write, in a folder of its own.

    Returns:
        What is wrong with the first line that is no row, "" when all are.

    Raises:
        ValueError: E202, DuckDB does not read all rows.
    """
    import json

    width, sifted = len(header), f"{lines}.csv"
    ended = not unfinished_lines([path])
    if ended and copy_rows(con, line, row_query(path, width), lines) == count_line_ends(path) - 1:
        return ""
    count = sift_rows(path, header, whole, sifted)
    line = f"CASE c{width} WHEN '' THEN {line} ELSE c{width} END"
    if copy_rows(con, line, sifted_query(sifted, width), lines) != count:
        raise ValueError(f"E202 not all rows of {path} are readable as CSV")
    odd = f"SELECT c{width} FROM {sifted_query(sifted, width)} WHERE c{width} <> '' LIMIT 1"
    (found,) = con.execute(odd).fetchone() or ("",)
    return str(json.loads(found)["error"]["message"]) if found else ""


def json_line(header: list[str], target_column: str, errors: bool) -> str:
    """Return the SQL of a row's JSON. The cells are texts: AutoML takes and repeats them so.

    A column ``key`` alone stands for the instance: so a job with a key field writes it.

    Args:
        header: The columns, which SQL calls ``c0``, ``c1`` and so on.
        target_column: The target, "" to tell it by the columns.
        errors: Whether the rows are those that failed.
    """
    columns = {name: f"c{place}" for place, name in enumerate(header)}
    found, answer = error_answer(columns) if errors else prediction_answer(columns, target_column)
    inputs = {name: cell for name, cell in columns.items() if name not in found}
    if list(inputs) == ["key"]:
        return f"'{{\"key\": ' || to_json({inputs['key']})::VARCHAR || {answer} || '}}'"
    cells = ", ".join(f"{sql_text(name)}, {cell}" for name, cell in inputs.items())
    return f"'{{\"instance\": ' || CAST(json_object({cells}) AS VARCHAR) || {answer} || '}}'"


def row_query(path: str, width: int) -> str:
    """Return the DuckDB call that reads a CSV file as texts, its columns as ``c0`` and so on.

    No cell is the text that stands for null: by default it is an empty one, and DuckDB 2.0.0
    overlooks a cell too many that is null.
    """
    import glob

    columns = ", ".join(f"c{place}: VARCHAR" for place in range(width))
    return (
        f"read_csv({sql_text(glob.escape(path))}, columns = {{{columns}}}, header = true, "
        "auto_detect = false, delim = ',', quote = '\"', escape = '\"', strict_mode = true, "
        f"nullstr = '\x01\x02\x03\x04', max_line_size = {2**24}, buffer_size = {2**25})"
    )


def sifted_query(path: str, width: int) -> str:
    """Return the SQL that reads what ``sift_rows`` wrote, with the line ends within cells."""
    text = "COLUMNS(*)"
    for code, end in (("r", "\r"), ("n", "\n"), ("a", "\x01")):
        text = f"replace({text}, '\x01{code}', '{end}')"
    return f"(SELECT {text} FROM {row_query(path, width + 1)})"


def copy_rows(con: "duckdb.DuckDBPyConnection", line: str, rows: str, lines: str) -> int:
    """Write rows as JSON Lines and count them; -1 when DuckDB finds one that is none.

    Args:
        con: A connection for this work alone.
        line: From ``json_line``.
        rows: From ``row_query``.
        lines: Path of the file to write.
    """
    import duckdb

    form = "(FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01')"
    try:
        done = con.execute(f"COPY (SELECT {line} FROM {rows}) TO {sql_text(lines)} {form}")
    except (duckdb.InvalidInputException, duckdb.NotImplementedException):
        return -1
    return int((done.fetchone() or (0,))[0])


def prediction_answer(columns: dict[str, str], target_column: str) -> tuple[list[str], str]:
    """Return the columns of the prediction, and the SQL of the members that hold it.

    Args:
        columns: The columns of the file, and what SQL calls them.
        target_column: The target, "" to tell it by the columns.
    """
    import json

    found = prediction_columns(list(columns), target_column)
    names = [columns[name] for name in found]
    text = " || ', ' || ".join(names)
    row = f"', \"\\u0001\": ' || to_json(left({row_text(list(columns.values()))}, 2000))::VARCHAR"
    reason = "no number from 0 to 1 for each class" if len(names) > 1 else "no number"
    refused = (
        '\', "error": {"status": "E222", "message": \' || to_json('
        f"'{reason} as prediction: ' || {text})::VARCHAR || '}}' || {row}"
    )
    if list(found.values()) == [""]:
        return list(found), value_answer(text, refused, row)
    scores = [f"{is_cell_number(n)} AND TRY_CAST({n} AS DOUBLE) BETWEEN 0 AND 1" for n in names]
    head = f', "prediction": {{"classes": {json.dumps(list(found.values()))}, "scores": ['
    answer = f"{sql_text(head)} || {text} || ']}}'"
    return list(found), f"CASE WHEN {' AND '.join(scores)} THEN {answer} ELSE {refused} END"


def value_answer(cell: str, refused: str, row: str) -> str:
    """Return the SQL of the members for one cell: a number, any other JSON, or a text.

    What DuckDB takes for JSON and Python may not takes the row along, to be shown. Of JSON, a line
    feed between its members would end the line.

    Args:
        cell: What SQL calls the cell.
        refused: The SQL of the members for a cell that is blank, or a number that is none.
        row: The SQL of the member that holds the row as it stands.
    """
    number = f"{is_cell_number(cell)} AND isfinite(TRY_CAST({cell} AS DOUBLE))"
    none = sql_text(r"(?i)\s*(?:[-+]?(?:nan|inf(?:inity)?))?\s*")
    odd = sql_text(r"(?i)[:,\[\s-](?:nan|inf)|,\s*[\]}]|\\u|e\+?\d{3}|\d{308}|\[{50}")
    bare = f"translate({cell}, chr(10) || chr(13), '  ')"
    return (
        f"CASE WHEN {number} THEN ', \"prediction\": {{\"value\": ' || {cell} || '}}' "
        f"WHEN {is_cell_number(cell)} OR regexp_full_match({cell}, {none}) THEN {refused} "
        f"WHEN json_valid({cell}) THEN ', \"prediction\": ' || {bare} || "
        f"CASE WHEN regexp_matches({cell}, {odd}) THEN {row} ELSE '' END "
        f"ELSE ', \"prediction\": ' || to_json({cell})::VARCHAR END"
    )


def is_cell_number(cell: str) -> str:
    """Return the SQL that tells whether a cell is a number as JSON writes it."""
    pattern = r" *-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)? *"
    return f"regexp_full_match({cell}, {sql_text(pattern)})"


def row_text(cells: list[str]) -> str:
    """Return the SQL of a row as CSV, with quotes where a cell needs them."""
    quoted = r"""regexp_matches(c, '[",\r\n]') THEN '"' || replace(c, '"', '""') || '"'"""
    row = f"list_transform([{', '.join(cells)}], lambda c: CASE WHEN {quoted} ELSE c END)"
    return f"array_to_string({row}, ',')"


def error_answer(columns: dict[str, str]) -> tuple[list[str], str]:
    """Return the columns of the errors, and the SQL of the member that holds them."""
    found = [name for name in columns if name == "errors" or name.startswith("errors_")][-1:]
    message = columns[found[0]] if found else "'the row failed'"
    return found, f"', \"error\": {{\"message\": ' || to_json({message})::VARCHAR || '}}'"
