"""Order, pages and masks of lists."""

import datetime
from typing import Any, cast

import pytest
from google.cloud.aiplatform_v1 import types

from batchpredict.local.vertex.errors import ServiceError
from batchpredict.local.vertex.listing import LARGEST_PAGE, select

PARENT = "projects/p/locations/us-central1"
START = datetime.datetime(2021, 5, 18, tzinfo=datetime.UTC)


def model(number: int, title: str = "m", seconds: int | None = None, **fields: Any) -> Any:
    made = types.Model(name=f"{PARENT}/models/{number:04}", display_name=title, **fields)
    if seconds is not None:
        made.create_time = cast(Any, START + datetime.timedelta(seconds=seconds))
    return made


MODELS = [model(1, "b", 1), model(2, "a", 2), model(3, "b", 3), model(4, "a", 2)]


def numbers(models: list[Any]) -> str:
    return ",".join(str(int(it.name[-4:])) for it in models)


def listed(models: list[Any] = MODELS, **fields: Any) -> str:
    return numbers(select(models, types.ListModelsRequest(**fields))[0])


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ("", "3,2,4,1"),  # the newest first
        ("create_time", "1,2,4,3"),
        ("create_time desc", "3,2,4,1"),
        ("display_name, create_time desc", "2,4,3,1"),
        ("displayName asc,createTime", "2,4,1,3"),
        ("display_name desc ,create_time desc", "3,1,2,4"),
    ],
)
def test_the_order_is_kept(order: str, found: str) -> None:
    assert listed(order_by=order) == found


def test_what_has_no_time_comes_first() -> None:
    assert listed([model(1, seconds=5), model(2)], order_by="create_time") == "2,1"


@pytest.mark.parametrize(
    "order", ["labels", "display_name down", "a,b", "start_time", "create_time,"]
)
def test_an_order_that_is_not_understood_is_refused(order: str) -> None:
    for models in (MODELS, []):
        with pytest.raises(ServiceError, match="order_by") as caught:
            listed(models, order_by=order)
        assert caught.value.status == "INVALID_ARGUMENT"


def pages(models: list[Any], **fields: Any) -> list[str]:
    found, token = [], ""
    while True:
        request = types.ListModelsRequest(page_token=token, **fields)
        page, token = select(models, request)
        found.append(numbers(page))
        if not token:
            return found


@pytest.mark.parametrize("order", ["", "display_name desc, create_time", "update_time"])
def test_pages_join_to_the_whole(order: str) -> None:
    joined = ",".join(pages(MODELS, page_size=1, order_by=order))
    assert joined == listed(order_by=order)
    assert pages(MODELS, page_size=4) == [listed()]
    assert pages(MODELS, page_size=3, filter="display_name=a") == ["2,4"]


@pytest.mark.parametrize("order", ["create_time", "create_time desc", "display_name"])
def test_a_page_goes_on_where_the_last_one_ended(order: str) -> None:
    """Whatever was added or deleted in between: nothing comes twice, nothing is left out."""
    models = [model(number, f"{number:04}", number) for number in range(10, 20)]
    request = types.ListModelsRequest(page_size=4, order_by=order)
    first, request.page_token = select(models, request)
    gone = first[-1]
    later = [model(number, f"{number:04}", number) for number in (1, 2, 30, 31)]
    rest, _ = select(
        [it for it in [*later, *models] if it != gone],
        types.ListModelsRequest(request, page_size=100),
    )
    seen = [int(it.name[-4:]) for it in [*first, *rest]]
    assert len(seen) == len(set(seen))
    assert set(seen) >= set(range(10, 20))


def test_a_page_holds_no_more_than_the_limit() -> None:
    many = [model(number) for number in range(LARGEST_PAGE + 1)]
    assert len(select(many, types.ListModelsRequest())[0]) == 100
    assert len(select(many, types.ListModelsRequest(page_size=5000))[0]) == LARGEST_PAGE


@pytest.mark.parametrize("token", ["x", "2", "-1", "W10=", "eyJhIjogMX0=", "\u00e4", "bnVsbA=="])
def test_a_token_that_never_was_is_refused(token: str) -> None:
    with pytest.raises(ServiceError, match="page_token") as caught:
        listed(page_token=token)
    assert caught.value.status == "INVALID_ARGUMENT"


def test_a_token_of_another_question_is_refused() -> None:
    _, token = select(MODELS, types.ListModelsRequest(page_size=1))
    assert listed(page_token=token) == "2,4,1"
    others: list[dict[str, Any]] = [{"filter": "display_name=b"}, {"order_by": "display_name"}]
    for fields in others:
        with pytest.raises(ServiceError, match="same filter and order_by"):
            listed(page_token=token, **fields)


def test_a_negative_page_size_is_refused() -> None:
    with pytest.raises(ServiceError, match="page_size -1") as caught:
        listed(page_size=-1)
    assert caught.value.status == "INVALID_ARGUMENT"


def test_a_mask_cuts_what_was_not_asked_for() -> None:
    full = model(1, "m", 5, labels={"a": "b"}, container_spec={"image_uri": "i", "env": []})
    mask = {"paths": ["name", "container_spec.image_uri"]}
    [cut], _ = select([full], types.ListModelsRequest(read_mask=mask))
    assert cut == types.Model(name=full.name, container_spec={"image_uri": "i"})
    [whole], _ = select([full], types.ListModelsRequest(read_mask={"paths": ["*"]}))
    assert whole == full


def test_a_mask_does_not_change_what_is_filtered_and_ordered() -> None:
    request = types.ListModelsRequest(
        filter="display_name=b", order_by="create_time", read_mask={"paths": ["name"]}
    )
    assert numbers(select(MODELS, request)[0]) == "1,3"


@pytest.mark.parametrize("path", ["nobody", "labels.a", "name.x"])
def test_a_mask_with_an_unknown_field_is_refused(path: str) -> None:
    with pytest.raises(ServiceError, match="read_mask") as caught:
        listed(read_mask={"paths": [path]})
    assert caught.value.status == "INVALID_ARGUMENT"


def test_a_mask_reaches_into_a_pipeline() -> None:
    spec = {"pipelineInfo": {"name": "p"}, "root": {"dag": {}}}
    job = types.PipelineJob(name="p/1", pipeline_spec=spec, display_name="d")
    mask = {"paths": ["name", "pipeline_spec.pipeline_info", "job_detail.pipeline_context"]}
    [cut], _ = select([job], types.ListPipelineJobsRequest(read_mask=mask))
    assert cut == types.PipelineJob(name="p/1", pipeline_spec={"pipelineInfo": {"name": "p"}})
    with pytest.raises(ServiceError, match="read_mask"):
        select(
            [job],
            types.ListPipelineJobsRequest(read_mask={"paths": ["pipeline_spec.a.b"]}),
        )
