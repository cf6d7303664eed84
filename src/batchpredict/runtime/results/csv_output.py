"""Predictions that AutoML wrote as CSV, brought into the JSON Lines that all else reads."""

from typing import TYPE_CHECKING

from batchpredict.runtime.tables import csv_header, sql_name, sql_text

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
    con: "duckdb.DuckDBPyConnection", path: str, target_column: str, errors: bool, lines: str
) -> None:
    """Write the rows of a CSV file as JSON Lines; a row that is no CSV goes along as it is.

    The cells are texts: AutoML takes every cell for a text, and repeats it so.

    Args:
        con: The scratch database.
        path: The file.
        target_column: The target, "" to tell it by the columns.
        errors: Whether it holds the rows that failed, with a column ``errors_<target>``.
        lines: Path of the file to write.

    Raises:
        ValueError: E227; E228 two columns have one name; E202 no CSV.
    """
    import glob

    import duckdb

    header = unique_header(path)
    answer = error_answer(header) if errors else prediction_answer(header, target_column)
    shown = [name for name in header if name not in answer[0]]
    cells = ", ".join(f"{sql_text(name)}, {sql_name(name)}" for name in shown)
    columns = ", ".join(f"{sql_text(name)}: 'VARCHAR'" for name in header)
    line = f"'{{\"instance\": ' || CAST(json_object({cells}) AS VARCHAR) || {answer[1]} || '}}'"
    reader = (
        f"read_csv({sql_text(glob.escape(path))}, columns = {{{columns}}}, header = true, "
        "auto_detect = false, delim = ',', quote = '\"', escape = '\"', nullstr = '\x01\x02', "
        "strict_mode = true, store_rejects = true, max_line_size = 16777216)"
    )
    form = "(FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01')"
    try:
        con.execute(f"COPY (SELECT {line} FROM {reader}) TO {sql_text(lines)} {form}")
        rejects = con.execute(
            "SELECT line, any_value(csv_line), any_value(error_message) FROM reject_errors "
            "GROUP BY line ORDER BY line"
        )
    except duckdb.Error as error:
        reason = " ".join(str(error).split("Possible")[0].split())[:400]
        raise ValueError(f"E202 {path} is not readable as CSV in UTF-8: {reason}") from None
    with open(lines, "a", encoding="utf-8") as file:
        for number, text, reason in rejects.fetchall():
            plain = " ".join((text or reason).split())
            file.write(f"line {number} is no row of the table: {plain}\n")
    con.execute("DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans")


def unique_header(path: str) -> list[str]:
    """Return the columns of a CSV file.

    Raises:
        ValueError: E202 no CSV; E228 two columns have one name.
    """
    try:
        return csv_header(path, False)
    except ValueError as error:
        if "stands twice" not in str(error):
            raise
        raise ValueError(
            f"E228 two columns of {path} have one name, {str(error).rpartition('and ')[2]}; an "
            "input column that is called as a prediction's must be renamed before predicting"
        ) from None


def prediction_answer(header: list[str], target_column: str) -> tuple[list[str], str]:
    """Return the columns of the prediction, and the SQL of the members that hold it.

    Args:
        header: The columns of the file.
        target_column: The target, "" to tell it by the columns.
    """
    import json

    found = prediction_columns(header, target_column)
    names = [sql_name(name) for name in found]
    pattern = r"\s*-?(?:\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|NaN|Infinity)\s*"
    numbers = " AND ".join(f"regexp_full_match({name}, {sql_text(pattern)})" for name in names)
    text = " || ', ' || ".join(f"coalesce({name}, '')" for name in names)
    failure = '{"status": "E222", "message": '
    refused = (
        f"', \"error\": ' || {sql_text(failure)} || "
        f"to_json('no number (of a class from 0 to 1) as prediction: ' || {text})::VARCHAR || '}}'"
    )
    if list(found.values()) != [""]:
        numbers += "".join(f" AND TRY_CAST({name} AS DOUBLE) BETWEEN 0 AND 1" for name in names)
        head = f', "prediction": {{"classes": {json.dumps(list(found.values()))}, "scores": ['
        answer = f"{sql_text(head)} || {text} || ']}}'"
        return list(found), f"CASE WHEN {numbers} THEN {answer} ELSE {refused} END"
    answer = f"', \"prediction\": {{\"value\": ' || {text} || '}}'"
    inner = f"json_valid({names[0]}) AND starts_with({names[0]}, '{{')"
    return list(found), (
        f"CASE WHEN {numbers} THEN {answer} WHEN {inner} THEN ', \"prediction\": ' || "
        f"{names[0]} ELSE {refused} END"
    )


def error_answer(header: list[str]) -> tuple[list[str], str]:
    """Return the columns of the errors, and the SQL of the member that holds them."""
    found = [name for name in header if name == "errors" or name.startswith("errors_")][-1:]
    message = sql_name(found[0]) if found else "'the row failed'"
    return found, f"', \"error\": {{\"message\": ' || to_json({message})::VARCHAR || '}}'"
