"""A step carries what its calls lead to, no more, in an order that does not depend on chance."""

import ast
import dis
import inspect
from pathlib import Path
from typing import Any

import pytest

from batchpredict import carrying
from batchpredict.carrying import carried
from batchpredict.errors import RunError
from batchpredict.runtime import model_files, report_template, smoke, vertex_api


def names(*functions: object) -> list[str]:
    return [function.__name__ for function in carried(*functions)]  # type: ignore[arg-type]


def test_helpers_of_helpers_are_found() -> None:
    assert names(model_files.check_versions) == [
        "written_with",
        "first_version",
        "ubjson_version",
        "check_versions",
    ]


def test_helpers_in_other_modules_are_found() -> None:
    client = [
        "google_session",
        "google_request",
        "send_request",
        "body_within",
        "may_pass",
        "vertex_request",
    ]
    assert names(smoke.smoke_predict) == ["smoke_predict", *client]


def test_of_a_docstring_the_first_line_goes_along() -> None:
    [function] = [f for f in carried(model_files.written_with) if f.__name__ == "written_with"]
    source = inspect.getsource(function)
    whole = inspect.getsource(model_files.written_with)
    assert source.splitlines()[:1] == whole.splitlines()[:1]
    assert source.count('"""') == 2
    assert ast.get_docstring(ast.parse(source).body[0]) in whole  # type: ignore[arg-type,operator]
    assert len(source) < len(whole)


def test_the_indent_is_halved_but_not_within_texts() -> None:
    whole = report_template.report_template
    [function] = carried(whole)
    before, after = ast.parse(inspect.getsource(whole)), ast.parse(inspect.getsource(function))
    assert ast.dump(before) == ast.dump(after)
    lines = inspect.getsource(function).splitlines()
    assert lines[1].startswith('  """')
    assert inspect.getsource(whole).splitlines()[3:] == lines[3:]  # the page


def test_the_order_is_that_of_the_sources() -> None:
    functions = [vertex_api.wait_for, smoke.first_instance, model_files.written_with]
    assert names(*functions) == names(*reversed(functions))


def test_two_functions_of_one_name_are_refused() -> None:
    def written_with() -> None:
        """Not the one of model_files."""

    written_with.__qualname__ = "written_with"
    with pytest.raises(RunError, match="E121 two functions"):
        carried(written_with, model_files.check_versions)


def test_functions_of_libraries_and_builtins_are_not_carried() -> None:
    def uses_a_class(path: str) -> Path:
        return Path(path)

    assert names(uses_a_class) == ["uses_a_class"]


def test_names_are_read_as_dis_reads_them() -> None:
    """Long functions have operations of several bytes; class bodies and globals have their own."""
    wide = "def f():\n" + "".join(f"    n{number}\n" for number in range(70_000))
    for source in (Path(carrying.__file__).read_text(), Path(dis.__file__).read_text(), wide):
        module = compile(source, "<source>", "exec")
        for code in (module, *carrying._inner_codes(module)):
            steps = ((it.opname, it.argval) for it in dis.get_instructions(code))
            wanted = (*carrying.READS, *carrying.STORES)
            assert list(carrying._named(code)) == [it for it in steps if it[0] in wanted]


def with_texts() -> str:
    """Say no \
more than this."""
    first = """one
    two"""
    return (
        first
        + "three \
    four"
    )


def with_a_text_of_one_line() -> str:
    "A docstring of another kind."
    return """one
    two"""


@pytest.mark.parametrize("function", [with_texts, with_a_text_of_one_line])
def test_texts_of_several_lines_stay_what_they_are(function: Any) -> None:
    assert carrying.abridged(function)() == function()
