"""Find every function that a step has to carry, so that nobody keeps the list by hand."""

import dis
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any

from batchpredict.errors import RunError

RUNTIME = "batchpredict.runtime"


def carried(*functions: Callable[..., Any]) -> list[Callable[..., Any]]:
    """Return ``functions`` and all functions of ``runtime/`` that they call, directly or not.

    The order is that of modules and lines, whatever the order of the arguments, so that a compiled
    file does not change without a reason.

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
    return sorted(found.values(), key=lambda it: (it.__module__, it.__code__.co_firstlineno))


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
