"""Filters, order and pages of lists."""

from types import SimpleNamespace

import pytest
from google.cloud.aiplatform_v1 import types

from batchpredict.local.vertex.errors import ServiceError
from batchpredict.local.vertex.listing import select

JOBS = [
    types.PipelineJob(display_name="a b", state="PIPELINE_STATE_SUCCEEDED", labels={"x": "1"}),
    types.PipelineJob(display_name="c", state="PIPELINE_STATE_FAILED", labels={"x": "2"}),
    types.PipelineJob(display_name="b", state="PIPELINE_STATE_FAILED"),
]


def names(**fields: object) -> str:
    wanted = {"filter": "", "page_size": 0, "page_token": "", **fields}
    found, _ = select(JOBS, SimpleNamespace(**wanted))
    return ",".join(job.display_name for job in found)


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("", "a b,c,b"),
        (" ", "a b,c,b"),
        ('display_name="a b"', "a b"),
        ("displayName = c", "c"),
        ("display_name!=c", "a b,b"),
        ('state="PIPELINE_STATE_FAILED"', "c,b"),
        ("labels.x=1", "a b"),
        ("labels.x!=1", "c,b"),
        ('state=PIPELINE_STATE_FAILED AND labels.x="2"', "c"),
        ("labels.x=1 AND labels.x=2", ""),
    ],
)
def test_a_filter_keeps_what_it_says(expression: str, found: str) -> None:
    assert names(filter=expression) == found


@pytest.mark.parametrize(
    "expression",
    [
        "display_name",
        "display_name:a*",
        "display_name=a OR display_name=b",
        "(display_name=c)",
        "create_time>2020",
        "create_time=2020",
        'NOT display_name="c"',
    ],
)
def test_a_filter_that_is_not_understood_is_refused(expression: str) -> None:
    with pytest.raises(ServiceError) as caught:
        names(filter=expression)
    assert caught.value.status == "INVALID_ARGUMENT"


def test_a_field_that_the_resource_does_not_have_is_refused() -> None:
    request = SimpleNamespace(filter="state=X", page_size=0, page_token="")
    with pytest.raises(ServiceError, match="state"):
        select([types.Model()], request)


@pytest.mark.parametrize(
    ("order", "found"),
    [("display_name", "a b,b,c"), ("display_name desc", "c,b,a b"), ("", "a b,c,b")],
)
def test_the_order_is_kept(order: str, found: str) -> None:
    assert names(order_by=order) == found


@pytest.mark.parametrize("order", ["labels", "display_name down", "a,b"])
def test_an_order_that_is_not_understood_is_refused(order: str) -> None:
    with pytest.raises(ServiceError, match="not understood"):
        names(order_by=order)


def test_pages_join_to_the_whole() -> None:
    first, token = select(JOBS, SimpleNamespace(filter="", page_size=2, page_token=""))
    rest, end = select(JOBS, SimpleNamespace(filter="", page_size=2, page_token=token))
    assert [*first, *rest] == JOBS
    assert end == ""


@pytest.mark.parametrize("fields", [{"page_token": "x"}, {"page_token": "-1"}, {"page_size": -1}])
def test_a_page_that_never_was_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ServiceError) as caught:
        names(**fields)
    assert caught.value.status == "INVALID_ARGUMENT"
