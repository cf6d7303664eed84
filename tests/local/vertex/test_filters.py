"""What the filters of lists keep, and what they refuse."""

import datetime
import fnmatch
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types
from hypothesis import given, settings
from hypothesis import strategies as st

from batchpredict.local.vertex.errors import ServiceError
from batchpredict.local.vertex.listing import select

PARENT = "projects/p/locations/us-central1"
MAY = datetime.datetime(2021, 5, 18, tzinfo=datetime.UTC)
SPEC = {"pipelineInfo": {"name": "training"}}


def job(name: str, title: str, state: str, days: int, **fields: Any) -> Any:
    return types.PipelineJob(
        name=f"{PARENT}/pipelineJobs/{name}",
        display_name=title,
        state=f"PIPELINE_STATE_{state}",
        create_time=MAY + datetime.timedelta(days=days),
        **fields,
    )


JOBS = [
    job("one", "a b", "SUCCEEDED", 2, labels={"x": "1", "a key": "v"}, pipeline_spec=SPEC),
    job("two", "c", "FAILED", 1, labels={"x": "2"}, template_uri="https://host/c:latest"),
    job("three", "b", "FAILED", 0, end_time=MAY + datetime.timedelta(days=3)),
]


def names(expression: str) -> str:
    found, _ = select(JOBS, types.ListPipelineJobsRequest(filter=expression))
    return ",".join(job.display_name for job in found)


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("", "a b,c,b"),
        (" ", "a b,c,b"),
        ('display_name="a b"', "a b"),
        ("display_name='a b'", "a b"),
        ("displayName = c", "c"),
        ("display_name!=c", "a b,b"),
        ('state="PIPELINE_STATE_FAILED"', "c,b"),
        ("state!=PIPELINE_STATE_FAILED", "a b"),
        ("labels.x=1", "a b"),
        ("labels.x!=1", "c,b"),
        ("labels.x:*", "a b,c"),
        ("labels:x", "a b,c"),
        ("NOT labels:x", "b"),
        ('labels."a key"=v', "a b"),
        ('state=PIPELINE_STATE_FAILED AND labels.x="2"', "c"),
        ("labels.x=1 AND labels.x=2", ""),
        ("labels.x=1 OR labels.x=2", "a b,c"),
        ('display_name:"*b"', "a b,b"),
        ('display_name:"a*"', "a b"),
        ("display_name:a", ""),
        ("display_name=a", ""),
        ("display_name=*", "a b,c,b"),
        ("display_name:b", "b"),
        ('NOT display_name="c"', "a b,b"),
        ("NOT NOT display_name=c", "c"),
        ("(display_name=c)", "c"),
        # OR binds closer than AND: this is c AND (c OR b), not (b AND c) OR b
        ("display_name=c AND display_name=c OR display_name=b", "c"),
        ("display_name=b OR display_name=c AND display_name=c", "c"),
        ("(display_name=c AND display_name=b) OR display_name=b", "b"),
        ("NOT(labels.x=1 OR labels.x=2)", "b"),
        ('create_time>"2021-05-18T00:00:00Z"', "a b,c"),
        ("create_time>=2021-05-18T00:00:00Z", "a b,c,b"),
        ("create_time<2021-05-19T00:00:00.000000001Z", "c,b"),
        ("createTime<=2021-05-19T02:00:00+02:00", "c,b"),
        ("create_time=2021-05-19T00:00:00Z", "c"),
        ("create_time!=2021-05-19T00:00:00Z", "a b,b"),
        ("end_time>2021-05-18T00:00:00Z", "b"),  # a job that runs has no end to compare
        ("end_time<2022-05-18T00:00:00Z", "b"),
        ("end_time!=2021-05-18T00:00:00Z", "a b,c,b"),
        ("name=two", "c"),
        (f"name={PARENT}/pipelineJobs/two", "c"),
        ("pipeline_job=two", "c"),
        ("pipeline_job_user_id:t*", "c,b"),
        ("pipeline_name=training", "a b"),
        ('template_uri:"*:latest"', "c"),
    ],
)
def test_a_filter_keeps_what_it_says(expression: str, found: str) -> None:
    assert names(expression) == found


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ("display_name", "display_name"),
        ("c", "'c'"),
        ("nobody=c", "'nobody' of PipelineJob"),
        ("display_name<c", "not with <"),
        ("state:PIPELINE_STATE_FAILED", "not with :"),
        ("state=FAILED", "'FAILED' is no state"),
        ("create_time>2020", "'2020'"),
        ("create_time>2021-05-18", "RFC 3339"),
        ("create_time>2021-05-18T00:00:00", "RFC 3339"),
        ("create_time>2021-13-18T00:00:00Z", "month"),
        ("labels=x", "labels.KEY=VALUE"),
        ("labels:*", "labels.KEY=VALUE"),
        ("labels.x>1", "not with >"),
        ("display_name=a display_name=b", "at 'display_name=b'"),
        ("display_name=a b", "at 'b'"),
        ("display_name=c and state=x", "at 'and state=x'"),
        ("(display_name=c", '"\\)" is expected'),
        ("display_name=c)", "at '\\)'"),
        ("-display_name=c", "-display_name"),
        ("NOT", "its end"),
        ("display_name=c AND", "its end"),
        ('display_name="c', "display_name"),
        ("(" * 60 + "display_name=c" + ")" * 60, "50 levels"),
        ("display_name=" + "a" * 6000, "6013 characters"),
    ],
)
def test_a_filter_that_is_not_understood_is_refused(expression: str, named: str) -> None:
    with pytest.raises(ServiceError, match=named) as caught:
        names(expression)
    assert caught.value.status == "INVALID_ARGUMENT"


def test_a_field_that_the_resource_does_not_have_is_refused_also_in_an_empty_list() -> None:
    for field in ("state", "pipeline_name", "start_time", "template_uri"):
        with pytest.raises(ServiceError, match=field):
            select([], types.ListModelsRequest(filter=f"{field}=X"))


def test_models_and_endpoints_go_by_their_ids() -> None:
    model = types.Model(name=f"{PARENT}/models/12@3")
    assert select([model], types.ListModelsRequest(filter="model=12"))[0] == [model]
    endpoint = types.Endpoint(name=f"{PARENT}/endpoints/7")
    assert select([endpoint], types.ListEndpointsRequest(filter="endpoint!=7"))[0] == []


TEXT = st.text("ab-", max_size=3)
PATTERN = st.text("ab-*", min_size=1, max_size=3)
SIGN = st.sampled_from(["=", "!=", ":"])
COMPARISON = st.tuples(st.sampled_from(["display_name", "labels.x", "labels.y"]), SIGN, PATTERN)
TREE = st.recursive(
    COMPARISON,
    lambda inner: st.one_of(
        st.tuples(st.just("NOT"), inner),
        st.tuples(st.sampled_from(["AND", "OR"]), inner, inner),
    ),
    max_leaves=8,
)
RECORD = st.fixed_dictionaries(
    {"display_name": TEXT}, optional={"labels.x": TEXT, "labels.y": TEXT}
)
BINDS = {"AND": 0, "OR": 1, "NOT": 2}


def written(tree: Any, binds: int = 0) -> str:
    """Write an expression with no more parentheses than AIP-160 asks for."""
    if tree[0] not in BINDS:
        return f'{tree[0]} {tree[1]} "{tree[2]}"'
    own = BINDS[tree[0]]
    parts = [written(part, own) for part in tree[1:]]
    text = f" {tree[0]} ".join(parts) if len(parts) == 2 else f"NOT {parts[0]}"
    return text if own >= binds else f"({text})"


def holds(tree: Any, record: dict[str, str]) -> bool:
    if tree[0] == "NOT":
        return not holds(tree[1], record)
    if tree[0] in BINDS:
        both = [holds(part, record) for part in tree[1:]]
        return all(both) if tree[0] == "AND" else any(both)
    field, sign, pattern = tree
    same = field in record and fnmatch.fnmatchcase(record[field], pattern)
    return same is (sign != "!=")


@settings(deadline=None, max_examples=300)
@given(TREE, st.lists(RECORD, min_size=1, max_size=5))
def test_any_expression_means_what_it_says(tree: Any, records: list[dict[str, str]]) -> None:
    models = [
        types.Model(
            name=f"{PARENT}/models/{number}",
            display_name=record["display_name"],
            labels={key[7:]: value for key, value in record.items() if key != "display_name"},
        )
        for number, record in enumerate(records)
    ]
    found, _ = select(models, types.ListModelsRequest(filter=written(tree)))
    wanted = [model for model, record in zip(models, records, strict=True) if holds(tree, record)]
    assert found == wanted


def answer(text: str) -> object:
    try:
        return select([], types.ListModelsRequest(filter=text))
    except ServiceError as error:
        return error.status


@settings(deadline=None)
@given(st.text("ab=!:<>()*\"'\\ANDORT .", max_size=20))
def test_any_text_is_understood_or_refused(text: str) -> None:
    assert answer(text) in (([], ""), "INVALID_ARGUMENT")
