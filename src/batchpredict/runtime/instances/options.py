"""What may be asked of the preparation of instances."""

from typing import Any

from batchpredict.runtime.split_checks import check_choice
from batchpredict.runtime.tables import absent_column


def check_instance_options(options: "dict[str, Any]") -> None:
    """Refuse inputs that exclude each other, or that the format has no place for.

    Args:
        options: The inputs of ``prepare_instances`` by name.

    Raises:
        ValueError: E207, naming the input.
    """
    formats = ["jsonl", "csv", "file-list", "tf-record", "tf-record-gzip"]
    check_choice("instances_format", options["instances_format"], formats)
    check_choice("instance_type", options["instance_type"], ["", "object", "array"])
    if options["shard_rows"] < 0:
        raise ValueError("E207 shard_rows is negative; give 0 for a single file")
    if bool(options["dataset"]) == bool(options["images_prefix"]):
        raise ValueError("E207 give one of dataset and images_prefix")
    if options["include_columns"] and options["exclude_columns"]:
        raise ValueError("E207 give one of include_columns and exclude_columns")
    schemas = ("instance_schema", "instance_schema_uri", "model")
    if sum(bool(options[name]) for name in schemas) > 1:
        raise ValueError("E207 give one of instance_schema, instance_schema_uri and model")
    misplaced = without_place(options)
    used = [name for name in misplaced if options[name]]
    if used:
        raise ValueError(f"E207 {used[0]} has no place here: {misplaced[used[0]]}")


def without_place(options: "dict[str, Any]") -> dict[str, str]:
    """Return the inputs that do not go with the format or the source, and why."""
    kind, misplaced = options["instances_format"], {}
    if kind != "jsonl":
        misplaced["instance_type"] = f"{kind} has neither objects nor arrays"
    if options["instance_type"] == "array":
        misplaced["key_column"] = (
            "an array has no place for a key; write objects, and give the job instance_type "
            "'array', key_field and included_fields"
        )
    if kind not in ("jsonl", "csv"):
        schemas = ("instance_schema", "instance_schema_uri", "model")
        misplaced.update(dict.fromkeys(schemas, f"{kind} holds bytes, which have no schema"))
    if kind == "file-list":
        misplaced["key_column"] = "a file list holds nothing but URIs"
    if options["images_prefix"]:
        columns = ("key_column", "include_columns", "exclude_columns", "text_columns")
        misplaced.update(dict.fromkeys(columns, "images have no columns"))
        misplaced["instance_type"] = "an image is an object"
        if kind not in ("jsonl", "file-list"):
            misplaced["images_prefix"] = f"images become jsonl or file-list, not {kind}"
    return misplaced


def choose_columns(columns: list[str], key: str, options: "dict[str, Any]") -> list[str]:
    """Return the columns that the model gets, in order.

    Args:
        columns: The columns of the table.
        key: The key column, "" for none.
        options: The inputs of ``prepare_instances`` by name.

    Raises:
        ValueError: E203, a column is absent; E206, the key column is, or another one bears its
            name; E207, no column is left, or more than one for a file list.
    """
    included, excluded = options["include_columns"], options["exclude_columns"]
    for name in [*included, *excluded, *options["text_columns"]]:
        if name not in columns:
            raise ValueError(f"E203 {absent_column('the dataset', name, columns)}")
    check_key_column(columns, key, options)
    chosen = [name for name in included or columns if name != key and name not in excluded]
    if len(set(chosen)) < len(chosen):
        raise ValueError("E207 include_columns names a column twice")
    if not chosen:
        raise ValueError("E207 no column is left that the model gets; exclude fewer")
    if options["instances_format"] == "file-list" and len(chosen) > 1:
        raise ValueError(
            f"E207 a file list is made from one column, and there are {len(chosen)}; name the "
            "one with the URIs in include_columns"
        )
    return chosen


def check_key_column(columns: list[str], key: str, options: "dict[str, Any]") -> None:
    """Refuse a key column that is absent, and a made one whose name is taken.

    Raises:
        ValueError: E206.
    """
    if options["key_column"]:
        if key not in columns:
            raise ValueError(f"E206 {absent_column('the dataset', key, columns)} (key_column)")
        return
    taken = [name for name in columns if name.casefold() == "key"]
    if key and taken:
        raise ValueError(
            f"E206 the dataset has a column '{taken[0]}' while key_column is empty; "
            f"give key_column='{taken[0]}' when it tells the rows apart, else rename it"
        )


def key_of(options: "dict[str, Any]") -> str:
    """Return the name of the key field: the key column, ``key`` for a made one, "" for none."""
    if options["key_column"]:
        return str(options["key_column"])
    keyed = options["instances_format"] in ("jsonl", "csv") and not options["images_prefix"]
    return "key" if keyed and options["instance_type"] != "array" else ""
