"""Bare DuckDB: one COPY with a schema written by hand, which knows the form of every row."""

from typing import Any

from benchmarks.parse_families import CSV, FAMILIES, FEATURES, SCORES, SPECIES, Place

COMMON = {
    "key": "VARCHAR",
    "instance": "VARCHAR",
    "prediction": "VARCHAR",
    "label": "VARCHAR",
    "score": "DOUBLE",
    "labels": "VARCHAR[]",
    "scores": "DOUBLE[]",
    "value": "DOUBLE",
}
IDS, VECTOR = {"ids": "VARCHAR[]"}, {"vector": "DOUBLE[]"}
BOUNDS = {"lower_bound": "DOUBLE", "upper_bound": "DOUBLE"}
EXPLAINED = {
    "attributions": "MAP(VARCHAR, DOUBLE)",
    "baseline_output": "DOUBLE",
    "instance_output": "DOUBLE",
    "approximation_error": "DOUBLE",
    "explanation": "VARCHAR",
}
LAST = {"extra": "VARCHAR", "note": "VARCHAR", "source": "VARCHAR"}
TYPES = COMMON | IDS | VECTOR | BOUNDS | EXPLAINED | LAST
CLASSIFICATION, REGRESSION = [*COMMON, *IDS], [*COMMON, *BOUNDS]
KINDS = {
    "tab": CLASSIFICATION,
    "img": CLASSIFICATION,
    "csv": CLASSIFICATION,
    "expl": [*CLASSIFICATION, *EXPLAINED],
    "reg": REGRESSION,
    "scalar": [*COMMON, *VECTOR],
    "key": [*COMMON, *VECTOR],
}
"""The columns of the table ``predictions`` for each family."""
FASTEST_ZSTD = "zstd, COMPRESSION_LEVEL 1"  # faster than the default and, on these texts, smaller
ATTRIBUTION = (
    '{"attributions": [{"featureAttributions": "MAP(VARCHAR, DOUBLE)",'
    ' "baselineOutputValue": "DOUBLE", "instanceOutputValue": "DOUBLE",'
    ' "approximationError": "DOUBLE"}]}'
)


def ddl(kind: Any) -> str:
    if isinstance(kind, dict):
        members = ", ".join(f'"{name}" {ddl(it)}' for name, it in kind.items())
        return f"STRUCT({members})"
    return f"{ddl(kind[0])}[]" if isinstance(kind, list) else str(kind)


def structure(kind: Any) -> str:
    """Return a type as the functions on JSON want it."""
    if isinstance(kind, dict):
        return "{" + ", ".join(f'"{name}": {structure(it)}' for name, it in kind.items()) + "}"
    return f"[{structure(kind[0])}]" if isinstance(kind, list) else f'"{kind}"'


def reader(function: str, files: list[str], columns: dict[str, Any], rest: str) -> str:
    listed = ", ".join(f"'{file}'" for file in files)
    declared = ", ".join(f"'{name}': '{ddl(kind)}'" for name, kind in columns.items())
    return f"{function}([{listed}], columns={{{declared}}}, {rest})"


def best(names: str, scores: str) -> dict[str, str]:
    """Return the class of the largest score, and that score."""
    largest = f"list_max({scores})"
    return {"label": f"{names}[list_position({scores}, {largest})]", "score": largest}


def expression(place: Place) -> str:
    steps = (f"[{step + 1}]" if isinstance(step, int) else f'."{step}"' for step in place)
    return "".join(steps).removeprefix(".")


def copy(values: dict[str, str], source: str, out: str, compression: str) -> str:
    listed = ", ".join(f'{value} AS "{name}"' for name, value in values.items())
    options = f"FORMAT parquet, COMPRESSION {compression}, PARQUET_VERSION v2"
    return f"COPY (SELECT {listed} FROM {source}) TO '{out}' ({options}, ROW_GROUP_SIZE 122880)"


def flat(family: str, files: list[str], out: str) -> str:
    """Return the statement that writes a column for each value, as the other ways do."""
    if family == "csv":
        values = {name: f'"{name}"' for name in CSV}
        values |= best(f"{list(SPECIES)}", f"[{', '.join(SCORES)}]")
        source = reader("read_csv", files, CSV, "header=true, auto_detect=false")
        return copy(values, source, out, "snappy")
    made = FAMILIES[family]
    values = {name: expression(place) for name, place in made.columns.items()}
    if made.ranked:
        values |= best(*map(expression, made.ranked))
    source = reader("read_json", files, made.schema, "format='newline_delimited'")
    return copy(values, source, out, "snappy")


def same_columns(family: str, files: list[str], out: str) -> str:
    """Return the statement that writes the columns of the table ``predictions``."""
    given, source = from_csv(files) if family == "csv" else from_json(family, files)
    given["source"] = "parse_filename(filename)"
    names = [*KINDS[family], *LAST]
    values = {name: given.get(name, f"NULL::{TYPES[name]}") for name in names}
    return copy(values, source, out, FASTEST_ZSTD)


def from_csv(files: list[str]) -> tuple[dict[str, str], str]:
    cells = ", ".join(f'"{name}" := "{name}"' for name in FEATURES)
    written = " || ',' || ".join(SCORES)
    start = '{"classes":["' + '","'.join(SPECIES) + '"],"scores":['
    scores = f"[{', '.join(f'{name}::DOUBLE' for name in SCORES)}]"
    values = {
        "instance": f"to_json(struct_pack({cells}))::VARCHAR",
        "prediction": f"'{start}' || {written} || ']}}'",
        "labels": f"{list(SPECIES)}",
        "scores": scores,
        **best(f"{list(SPECIES)}", scores),
    }
    rest = "header=true, auto_detect=false, filename=true"
    return values, reader("read_csv", files, dict.fromkeys(CSV, "VARCHAR"), rest)


def from_json(family: str, files: list[str]) -> tuple[dict[str, str], str]:
    schema = FAMILIES[family].schema
    columns = {name: "VARCHAR" if name == "key" else "JSON" for name in schema}
    values = {name: f"{name}::VARCHAR" for name in schema}
    if "classes" in schema["prediction"]:
        values |= {"labels": "p.classes", "scores": "p.scores", **best("p.classes", "p.scores")}
    elif "ids" in schema["prediction"]:
        values |= {"ids": "p.ids", "labels": "p.displayNames", "scores": "p.confidences"}
        values |= best("p.displayNames", "p.confidences")
    elif family == "scalar":
        values["value"] = "p"
    else:
        values |= {name: f"p.{name}" for name in schema["prediction"] if name in TYPES}
    lines = reader("read_json", files, columns, "format='newline_delimited', filename=true")
    typed = [f"json_transform_strict(prediction, '{structure(schema['prediction'])}') AS p"]
    if "explanation" in schema:
        typed.append(f"json_transform_strict(explanation, '{ATTRIBUTION}').attributions[1] AS a")
        values |= {
            "attributions": "a.featureAttributions",
            "baseline_output": "a.baselineOutputValue",
            "instance_output": "a.instanceOutputValue",
            "approximation_error": "a.approximationError",
        }
    return values, f"(SELECT *, {', '.join(typed)} FROM {lines})"
