"""Find every function that a step has to carry, so that nobody keeps the list by hand."""

import ast
import dis
import inspect
import linecache
import re
import textwrap
import tokenize
from collections.abc import Callable, Collection, Iterator
from types import CodeType, FunctionType
from typing import Any

from batchpredict.errors import RunError

RUNTIME = "batchpredict.runtime"
MAX_SOURCE_BYTES = 128_000  # Linux passes at most 128 KiB in one argument, and KFP uses one
READS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
SPANS = re.compile(r'"{3}|\'{3}|\\\n')  # without one of them no text goes over several lines
STORES = ("STORE_NAME", "STORE_GLOBAL")
NAMED = frozenset(n for n, name in enumerate(dis.opname) if name in (*READS, *STORES))


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
    definition = ast.parse(source).body[0]
    said = ast.get_docstring(definition, clean=False)  # type: ignore[arg-type]
    text = definition.body[0]  # type: ignore[attr-defined]
    is_cut, lasts = "\n" in (said or ""), text.end_lineno > text.lineno
    lines = narrowed(
        source, range(text.lineno, text.end_lineno + 1) if is_cut or not lasts else ()
    )
    if is_cut:
        lines[text.lineno - 1 : text.end_lineno] = [lines[text.lineno - 1].rstrip() + '"""\n']
    name = f"<carried {function.__module__}.{function.__qualname__}>"
    # KFP asks inspect for the source, and inspect asks here before it looks for a file.
    linecache.cache[name] = (0, None, lines, name)
    namespace = dict(function.__globals__)
    exec(compile("".join(lines), name, "exec"), namespace)
    copy: FunctionType = namespace[function.__name__]
    return copy


def narrowed(source: str, known: Collection[int] = ()) -> list[str]:
    """Return the lines of a source with half the indent, but for those that begin in a text.

    Args:
        source: A function.
        known: The numbers of lines in which no text goes on, or that are cut afterwards.
    """
    lines = source.splitlines(keepends=True)
    within: set[int] = set()
    if any(SPANS.search(line) for n, line in enumerate(lines, 1) if n not in known):
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
    yield from (name for operation, name in _named(code) if operation == "LOAD_GLOBAL")
    for inner in _inner_codes(code):
        yield from (name for operation, name in _named(inner) if operation == "LOAD_GLOBAL")


def names_used(module: CodeType) -> tuple[set[str], set[str]]:
    """Return the globals that the code within a module reads, and those that it stores.

    What stands outside functions and classes is left out: it either runs or fails at once.
    """
    read: set[str] = set()
    stored: set[str] = set()
    for code in _inner_codes(module):
        found = list(_named(code))
        own = {name for operation, name in found if operation == "STORE_NAME"}  # of a class body
        read |= {name for operation, name in found if operation in READS} - own
        stored |= {name for operation, name in found if operation == "STORE_GLOBAL"}
    return read, stored


def _named(code: CodeType) -> Iterator[tuple[str, str]]:
    """Yield each operation on a name with the name, as ``dis`` does in ten times the time."""
    extended = 0
    for number, argument in zip(code.co_code[::2], code.co_code[1::2], strict=True):
        argument |= extended
        extended = argument << 8 if number == dis.EXTENDED_ARG else 0
        if number in NAMED:
            operation = dis.opname[number]  # the last bit of LOAD_GLOBAL says what goes before
            yield operation, code.co_names[argument >> (operation == "LOAD_GLOBAL")]


def _inner_codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _inner_codes(constant)
