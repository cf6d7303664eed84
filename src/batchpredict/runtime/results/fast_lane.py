"""The fast lane: lines of the usual form, taken apart and typed by SQL.

A line is taken only when it is, character by character, its prefix, JSON values and separators in
the learnt order, and its prediction is of the learnt shape. All other lines are for Python.
"""

from typing import Any

from batchpredict.runtime.results.fast_columns import fast_columns, typed_members
from batchpredict.runtime.results.fast_explanations import (
    attribution_shape,
    explanation_sql,
    explanation_structure,
)
from batchpredict.runtime.results.kinds import columns_of
from batchpredict.runtime.results.lines import key_member
from batchpredict.runtime.results.shapes import pattern_of, sql_type, text_pattern
from batchpredict.runtime.tables import sql_name, sql_text


def line_reader(paths: list[str]) -> str:
    """Return the DuckDB call that reads whole lines; a file that is no plain text raises.

    Args:
        paths: The files; only a line feed, with or without a carriage return, ends a line.
    """
    import glob

    files = "[" + ", ".join(sql_text(glob.escape(path)) for path in paths) + "]"
    return (
        f"read_csv({files}, columns = {{'line': 'VARCHAR'}}, header = false, delim = '\x01', "
        "quote = '', escape = '', auto_detect = false, strict_mode = true, filename = true)"
    )


def is_plain_form(form: dict[str, Any]) -> bool:
    """Tell whether the members of a line are among those that the fast lane knows.

    Names that differ only in case would be one column in SQL, and a row with an error or without
    a prediction is Python's.
    """
    folded = [name.casefold() for name in form["names"]]
    reserved = {"error", "line", "filename", "parts", "rest", "cut", "valid"}
    reserved |= {"raw_key", "t", "e", "sound", "fits"}
    if "explanation" in folded and not attribution_shape(form["explanation"]):
        return False
    few = len(folded) <= 12
    return few and len({"", *folded}) == len(folded) + 1 and not reserved & set(folded)


def cut_query(form: dict[str, Any], paths: list[str]) -> str:
    """Return the SQL of the lines, each member's JSON text, and whether they were ``cut`` rightly.

    A separator holds a quote without a backslash, so it stands in no JSON text: where it stands
    once, it is a name of an object. DuckDB splits texts much faster than it counts characters,
    as ``substr`` does; and each split is made once, in a query of its own.
    """
    import itertools
    import json

    names, comma, colon = form["names"], form["comma"], form["colon"]
    prefix = "{" + json.dumps(names[0]) + colon
    split = f"string_split(line, {sql_text(prefix)})"
    query = f"SELECT line, filename, {split} AS parts FROM {line_reader(paths)}"
    rest = f"CASE WHEN len(parts) = 2 THEN parts[2] ELSE substr(line, {len(prefix) + 1}) END"
    cut = f"starts_with(line, {sql_text(prefix)}) AND ends_with(line, '}}')"
    query = f"SELECT line, filename, {rest} AS rest, {cut} AS cut FROM ({query})"
    for before, name in itertools.pairwise(names):
        split = f"string_split(rest, {sql_text(comma + json.dumps(name) + colon)})"
        found = f"parts[1] AS {sql_name(before)}, parts[2] AS rest, cut AND len(parts) = 2 AS cut"
        query = f"SELECT * EXCLUDE (rest), {split} AS parts FROM ({query})"
        query = f"SELECT * EXCLUDE (parts, cut), {found} FROM ({query})"
    return f"SELECT * EXCLUDE (rest), left(rest, -1) AS {sql_name(names[-1])} FROM ({query})"


def without(column: str, sign: str, rare: str) -> str:
    """Return the guard that a text does not hold a sign, looked for by a rare part of it.

    DuckDB stops at each place where the first character stands.
    """
    found = f"contains({column}, {sql_text(rare)})"
    return f"CASE WHEN {found} THEN NOT contains({column}, {sql_text(sign)}) ELSE true END"


def echo_guards(column: str, valid: str) -> list[str]:
    """Return the guards of a value that is kept as it stands: JSON as DuckDB reads it.

    NaN and infinities, which DuckDB takes for JSON, are for Python to spell out, and so is what is
    nested very deep.

    Args:
        column: The column of the value.
        valid: The SQL of ``json_valid`` of it.
    """
    odd = ("NaN", "Infinity", "]" * 12, "}" * 12)
    return [
        valid,
        f"ascii({column}) > 32",  # no blank before it, nor behind it
        *(f"NOT ends_with({column}, {sql_text(blank)})" for blank in " \t"),
        *(f"NOT contains({column}, {sql_text(sign)})" for sign in odd),
    ]


def plain_names(column: str) -> str:
    """Return the guard that no name in a JSON text is spelt with escapes of its letters."""
    return (
        rf"CASE WHEN contains({column}, '\u00') "
        rf"THEN NOT regexp_matches({column}, '\\u00[2-7]') ELSE true END"
    )


def key_columns(plan: dict[str, Any]) -> tuple[str, str]:
    """Return the SQL of the key's JSON text, and of the guard that it can be read in one way.

    Args:
        plan: From ``sniff_lines``.
    """
    import json

    names, key_field = plan["form"]["names"], plan["key_field"]
    literal = r'"[^"\\\x00-\x1f]*"|0|-?[1-9][0-9]*'
    matches = f"regexp_full_match(raw_key, {sql_text(literal)})"
    member = key_member(names, key_field)
    if member:
        return sql_name(member), matches
    if "instance" not in names:
        return "NULL", "true"
    if not key_field:
        return "NULL", "false"  # no path of DuckDB leads to a member without a name
    name, plain = json.dumps(key_field), plain_names("instance")
    if not plan["keyed"]:
        return "NULL", f"{without('instance', name, name[1:])} AND {plain}"
    path = sql_text(f"$.{name}")
    raw = f"CASE WHEN valid THEN CAST(json_extract(instance, {path}) AS VARCHAR) END"
    rare, once = (
        f"len(string_split(instance, {sql_text(part)})) = 2" for part in (name[1:], name)
    )
    return raw, f"{plain} AND CASE WHEN {rare} THEN true ELSE {once} END AND {matches}"


def member_guards(plan: dict[str, Any]) -> list[str]:
    """Return the guards of each member's JSON text, the key's left out.

    Args:
        plan: From ``sniff_lines``.
    """
    form = plan["form"]
    scalar = "|".join([pattern_of("number", "", ""), text_pattern(), "true|false|null"])
    patterns = dict.fromkeys(extra_names(plan), scalar)
    patterns["prediction"] = pattern_of(form["shape"], form["comma"], form["colon"])
    if "explanation" in form["names"]:
        patterns["explanation"] = pattern_of(form["explanation"], form["comma"], form["colon"])
    guards = [
        f"regexp_full_match({sql_name(name)}, {sql_text(pattern)})"
        for name, pattern in patterns.items()
    ]
    return guards + (echo_guards("instance", "valid") if "instance" in form["names"] else [])


def typed_sql(plan: dict[str, Any]) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Return the SQL of the typed columns, what they are taken from, and what must hold for them.

    Args:
        plan: From ``sniff_lines``.

    Returns:
        The columns; under ``t`` and ``e`` the typed prediction and explanation; the guards.
    """
    import json

    form = plan["form"]
    columns, guards = fast_columns(plan["kind"], form["shape"], plan["labels"])
    structure = json.dumps(sql_type(form["shape"], typed_members()))
    sources = {"t": f"json_transform(prediction, {sql_text(structure)})"}
    if "explanation" in form["names"]:
        members = attribution_shape(form["explanation"]) or {}
        columns = {**columns, **explanation_sql(members)}
        guards = [*guards, "len(e.attributions) > 0"]
        structure = json.dumps(explanation_structure(members))
        sources["e"] = f"json_transform(explanation, {sql_text(structure)})"
    return columns, sources, guards


def fast_query(plan: dict[str, Any], paths: list[str]) -> str:
    """Return the SQL of all lines: the columns of the predictions, and ``line``, ``fits``.

    Only of a line that ``fits`` the columns mean something. It runs without filter push-down,
    which would compute the pieces of a line several times.

    Args:
        plan: From ``sniff_lines``, with a form that ``fast_columns`` knows.
        paths: The files.
    """
    names = plan["form"]["names"]
    raw_key, key_guard = key_columns(plan)
    guards = ["cut", *member_guards(plan), key_guard]
    typed, sources, typed_guards = typed_sql(plan)
    valid = "json_valid(instance)" if "instance" in names else "true"
    query = cut_query(plan["form"], paths)
    query = f"SELECT *, {valid} AS valid FROM ({query})"
    query = f"SELECT *, {raw_key} AS raw_key FROM ({query})"
    query = f"SELECT *, coalesce({' AND '.join(guards)}, false) AS sound FROM ({query})"
    read = ", ".join(f"CASE WHEN sound THEN {sql} END AS {n}" for n, sql in sources.items())
    query = f"SELECT *, {read} FROM ({query})"
    columns = {**typed, "key": "trim(raw_key, '\"')", "prediction": "prediction"}
    columns |= {"extra": extra_object(plan), "source": "parse_filename(filename)"}
    columns["instance"] = "instance" if "instance" in names else "NULL"
    listed = ", ".join(
        f"CAST({columns.get(name, 'NULL')} AS {kind}) AS {name}"
        for name, kind in columns_of(plan["kind"], plan["explained"]).items()
    )
    fits = " AND ".join(["sound", *typed_guards])
    return f"SELECT {listed}, line, coalesce({fits}, false) AS fits FROM ({query})"


def extra_names(plan: dict[str, Any]) -> list[str]:
    """Return the members of a line that no column holds."""
    names = plan["form"]["names"]
    known = (key_member(names, plan["key_field"]), "instance", "prediction", "explanation")
    return [name for name in names if name not in known]


def extra_object(plan: dict[str, Any]) -> str:
    """Return the SQL of the JSON object of the members that no column holds."""
    import json

    others = extra_names(plan)
    if not others:
        return "NULL"
    parts = [sql_text(f"{json.dumps(name)}: ") + " || " + sql_name(name) for name in others]
    return "'{' || " + " || ', ' || ".join(parts) + " || '}'"
