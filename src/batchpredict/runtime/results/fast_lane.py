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
    reserved = {"error", "line", "filename", "t", "e", "sound", "fits"}
    if "explanation" in folded and not attribution_shape(form["explanation"]):
        return False
    # Each piece is cut out of the rest behind the one before: the SQL grows with their square.
    few = len(folded) <= 12
    return few and len({"", *folded}) == len(folded) + 1 and not reserved & set(folded)


def pieces(form: dict[str, Any]) -> tuple[dict[str, str], list[str]]:
    """Return the SQL of each member's JSON text in ``line``, and what must hold for it to be so.

    A separator holds a quote without a backslash, so it stands in no JSON text: where it stands
    once, it is a name of an object.
    """
    import itertools
    import json

    names, comma, colon = form["names"], form["comma"], form["colon"]
    prefix = "{" + json.dumps(names[0]) + colon
    guards = [f"starts_with(line, {sql_text(prefix)})", "ends_with(line, '}')"]
    rest, found = f"substr(line, {len(prefix) + 1})", {}
    for before, name in itertools.pairwise(names):
        parts = f"string_split({rest}, {sql_text(comma + json.dumps(name) + colon)})"
        guards.append(f"len({parts}) = 2")
        found[before], rest = f"{parts}[1]", f"{parts}[2]"
    found[names[-1]] = f"left({rest}, -1)"
    return found, guards


def echo_guards(column: str) -> list[str]:
    """Return the guards of a value that is kept as it stands: JSON as DuckDB reads it.

    NaN and infinities, which DuckDB takes for JSON, are for Python to spell out, and so is what is
    nested very deep.
    """
    odd = ("NaN", "Infinity", "]" * 12, "}" * 12)
    return [
        f"json_valid({column})",
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
    """Return the SQL of the key, and of the guard that it can be read in one way.

    Args:
        plan: From ``sniff_lines``.
    """
    import json

    key_field = plan["key_field"]
    literal = r'"[^"\\\x00-\x1f]*"|0|-?[1-9][0-9]*'
    member = key_member(plan["form"]["names"], key_field)
    if member:
        raw = sql_name(member)
        return f"trim({raw}, '\"')", f"regexp_full_match({raw}, {sql_text(literal)})"
    name = json.dumps(key_field)
    if "instance" not in plan["form"]["names"]:
        return "NULL", "true"
    if not key_field:
        return "NULL", "false"  # no path of DuckDB leads to a member without a name
    plain = plain_names("instance")
    if not plan["keyed"]:
        return "NULL", f"NOT contains(instance, {sql_text(name)}) AND {plain}"
    path = sql_text(f"$.{name}")
    raw = (
        f"CASE WHEN json_valid(instance) THEN CAST(json_extract(instance, {path}) AS VARCHAR) END"
    )
    once = f"len(string_split(instance, {sql_text(name)})) = 2"
    return (
        f"trim({raw}, '\"')",
        f"{plain} AND {once} AND regexp_full_match({raw}, {sql_text(literal)})",
    )


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
    return guards + (echo_guards("instance") if "instance" in form["names"] else [])


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
    form = plan["form"]
    found, guards = pieces(form)
    key, key_guard = key_columns(plan)
    guards += [*member_guards(plan), key_guard]
    cut = ", ".join(f"{sql} AS {sql_name(name)}" for name, sql in found.items())
    cut = f"SELECT line, filename, {cut} FROM {line_reader(paths)}"
    typed, sources, typed_guards = typed_sql(plan)
    read = ", ".join(f"CASE WHEN sound THEN {sql} END AS {n}" for n, sql in sources.items())
    read = f"SELECT *, coalesce({' AND '.join(guards)}, false) AS sound, {read} FROM ({cut})"
    columns = {**typed, "key": key, "prediction": "prediction"}
    columns |= {"extra": extra_object(plan), "source": "parse_filename(filename)"}
    columns["instance"] = "instance" if "instance" in found else "NULL"
    listed = ", ".join(
        f"CAST({columns.get(name, 'NULL')} AS {kind}) AS {name}"
        for name, kind in columns_of(plan["kind"], plan["explained"]).items()
    )
    fits = " AND ".join(["sound", *typed_guards])
    return f"SELECT {listed}, line, coalesce({fits}, false) AS fits FROM ({read})"


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
