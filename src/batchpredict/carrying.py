"""Find every function that a step has to carry, so that nobody keeps the list by hand."""

import ast
import dis
import inspect
import linecache
import textwrap
import tokenize
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any

from batchpredict.errors import RunError

RUNTIME = "batchpredict.runtime"
MAX_SOURCE_BYTES = 128_000  # Linux passes at most 128 KiB in one argument, and KFP uses one
READS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")


def carried(*functions: Callable[..., Any]) -> list[Callable[..., Any]]:
    """Return ``functions`` and all functions of ``runtime/`` that they call, directly or not.

    The order is that of modules and lines, whatever the order of the arguments, so that a compiled
    file does not change without a reason. Of a docstring the first line goes along: the source of
    a step is one argument of a command, which Linux limits to 128 KiB.

    Args:
        functions: What the body of a component calls.

    Returns:
        The value for ``additional_funcs`` of ``kfp.dsl.component``.

    Raises:
        RunError: Two of them bear one name; in the step the one would take the other's place.
    """
    found: dict[str, FunctionType] = {}
    waiting = [function for function in functions if isinstance(function, FunctionType)]
    while waiting:
        function = waiting.pop()
        if found.get(function.__qualname__, function) is not function:
            raise RunError("E121", f"two functions of {RUNTIME} are called {function.__name__}")
        if function.__qualname__ not in found:
            found[function.__qualname__] = function
            waiting += _called(function)
    ordered = sorted(found.values(), key=lambda it: (it.__module__, it.__code__.co_firstlineno))
    return [abridged(function) for function in ordered]


def abridged(function: FunctionType) -> FunctionType:
    """Return a copy of a function with a shorter source: a line of docstring, half the indent."""
    source = textwrap.dedent(inspect.getsource(function))
    lines = narrowed(source)
    definition = ast.parse(source).body[0]
    said = ast.get_docstring(definition, clean=False)  # type: ignore[arg-type]
    if said and "\n" in said:
        text = definition.body[0]  # type: ignore[attr-defined]
        lines[text.lineno - 1 : text.end_lineno] = [lines[text.lineno - 1].rstrip() + '"""\n']
    name = f"<carried {function.__module__}.{function.__qualname__}>"
    # KFP asks inspect for the source, and inspect asks here before it looks for a file.
    linecache.cache[name] = (0, None, lines, name)
    namespace = dict(function.__globals__)
    exec(compile("".join(lines), name, "exec"), namespace)
    copy: FunctionType = namespace[function.__name__]
    return copy


def narrowed(source: str) -> list[str]:
    """Return the lines of a source with half the indent, but for those that begin in a text."""
    lines = source.splitlines(keepends=True)
    tokens = tokenize.generate_tokens(iter(lines).__next__)
    within = {line for it in tokens for line in range(it.start[0], it.end[0])}
    indents = [0 if n in within else len(it) - len(it.lstrip(" ")) for n, it in enumerate(lines)]
    return [line[indent // 2 :] for line, indent in zip(lines, indents, strict=True)]


def _called(function: FunctionType) -> list[FunctionType]:
    named = (function.__globals__.get(name) for name in set(globals_read(function.__code__)))
    functions = [value for value in named if isinstance(value, FunctionType)]
    return [function for function in functions if function.__module__.startswith(RUNTIME)]


def globals_read(code: CodeType) -> Iterator[str]:
    """Yield the global names that a piece of code reads, those of inner functions included."""
    yield from (step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL")
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from globals_read(constant)


def names_used(module: CodeType) -> tuple[set[str], set[str]]:
    """Return the globals that the code within a module reads, and those that it stores.

    What stands outside functions and classes is left out: it either runs or fails at once.
    """
    read: set[str] = set()
    stored: set[str] = set()
    for code in _inner_codes(module):
        steps = [(step.opname, step.argval) for step in dis.get_instructions(code)]
        own = {name for operation, name in steps if operation == "STORE_NAME"}  # of a class body
        read |= {name for operation, name in steps if operation in READS} - own
        stored |= {name for operation, name in steps if operation == "STORE_GLOBAL"}
    return read, stored


def _inner_codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _inner_codes(constant)
