"""The page of what is emulated leaves no method and no field of the installed client unsaid."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types
from helpers import ROOT
from local.vertex.surface.support import RPCS, descriptor, field_at, is_open

from batchpredict.local.network.rpcs import Rpc
from batchpredict.local.session import LocalVertex
from batchpredict.local.vertex.surface.fields import APPROXIMATED, FIELDS, METHODS, RESOURCES
from batchpredict.local.vertex.surface.other_fields import OTHERS
from batchpredict.local.vertex.surface.page import emulates, render
from batchpredict.local.vertex.surface.rules import CHANGED, fields_of

MAKING = re.compile(r"(Create|Upload|Deploy|Copy|Import)[A-Z]\w+")


def unsaid(kind: Any, annotated: set[str], prefix: str = "") -> Iterator[str]:
    """Yield the fields that neither have a line nor only parts with lines."""
    for field in kind.fields:
        path = f"{prefix}{field.name}"
        parted = any(other.startswith(f"{path}.") for other in annotated)
        if parted and is_open(field) and path not in annotated:
            yield from unsaid(field.message_type, annotated, f"{path}.")
        elif parted or path not in annotated:
            yield path


def test_the_page_is_what_the_command_prints() -> None:
    page = (ROOT / "docs" / "reference" / "emulation.md").read_text()
    command = "python -m batchpredict.local.vertex.surface.page > docs/reference/emulation.md"
    assert page == render(), f"write it anew: {command}"


def test_the_emulated_methods_are_those_that_the_services_have(vertex: LocalVertex) -> None:
    for rpc in RPCS:
        assert emulates(rpc) == (vertex.services.behaviour(rpc) is not None), rpc.path
    emulated = {rpc.method for rpc in RPCS if emulates(rpc)}
    assert set(METHODS) | set(APPROXIMATED) <= emulated
    assert not set(METHODS) & set(APPROXIMATED)


def test_every_request_that_makes_or_changes_something_is_annotated() -> None:
    emulated = {rpc.method for rpc in RPCS if emulates(rpc)}
    assert {it for it in emulated if MAKING.fullmatch(it)} == set(FIELDS) == set(RESOURCES)
    changing = {
        rpc.method for rpc in RPCS if emulates(rpc) and "update_mask" in descriptor_names(rpc)
    }
    assert changing == set(CHANGED)


def test_every_field_of_the_other_requests_is_said() -> None:
    for rpc in RPCS:
        if emulates(rpc) and rpc.method not in FIELDS:
            assert set(fields_of(rpc.method)) == descriptor_names(rpc), rpc.method
    assert set(OTHERS) == {rpc.method for rpc in RPCS if emulates(rpc)} - set(FIELDS)


def descriptor_names(rpc: Rpc) -> set[str]:
    kind = rpc.request_type
    return set((kind.pb(kind()) if hasattr(kind, "pb") else kind()).DESCRIPTOR.fields_by_name)


@pytest.mark.parametrize("method", FIELDS)
def test_every_field_of_the_installed_client_has_a_line(method: str) -> None:
    assert list(unsaid(descriptor(method), set(fields_of(method)))) == []


@pytest.mark.parametrize("method", FIELDS)
def test_every_line_is_a_field_of_the_installed_client(method: str) -> None:
    for path, field in fields_of(method).items():
        found = field_at(method, path)
        if field.status == "used" and is_open(found):
            assert field.note, f"{path}: which parts are used?"


@pytest.mark.parametrize("method", FIELDS)
def test_what_the_client_calls_output_only_is_dropped(method: str) -> None:
    name = RESOURCES[method]
    resource = field_at(method, name).message_type if name else descriptor(method)
    text = getattr(types, resource.name).__doc__
    for field, said in re.findall(
        r"^        (\w+) \([^\n]*\):\n((?:            .*\n)*)", text, re.M
    ):
        if "Output only" in said:
            path = f"{name}.{field}"
            inside = {it for it in fields_of(method) if it == path or it.startswith(f"{path}.")}
            assert {fields_of(method)[it].status for it in inside} <= {"set", "empty"}, path
