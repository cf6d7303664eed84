"""Images of a folder, listed by the running services page by page."""

import json
import re
from pathlib import Path

import pytest
from google.cloud import aiplatform_v1

from batchpredict.runtime.instances import images
from batchpredict.runtime.instances.images import (
    check_images,
    image_rows,
    image_types,
    object_names,
)

NAMES = {
    "a.jpg": "image/jpeg",
    "B.JPEG": "image/jpeg",
    "c.png": "image/png",
    "d.gif": "image/gif",
    "e.bmp": "image/bmp",
    "f.ico": "image/vnd.microsoft.icon",
    "g.webp": "image/webp",
    "h.tif": "image/tiff",
    "sub/é 1.tiff": "image/tiff",
}
OTHERS = ["labels.csv", "jpg", ".png", "x.jpg.txt"]


@pytest.fixture(scope="module")
def folder(vertex):
    for name in [*NAMES, *OTHERS, "../outside.jpg"]:
        path = vertex.store.path("gs://test-images/in").joinpath(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return "gs://test-images/in"


@pytest.mark.parametrize("end", ["", "/"])
@pytest.mark.usefixtures("services")
def test_every_image_is_there_and_every_other_file_is_named(folder, capsys, end):
    left_out = {}
    rows = [tuple(map(json.loads, row)) for row in image_rows(folder + end, left_out)]
    assert sorted(rows) == sorted((f"{folder}/{name}", mime) for name, mime in NAMES.items())
    assert left_out["count"] == 4
    assert sorted(left_out["names"]) == sorted(f"in/{name}" for name in OTHERS)
    check_images(folder, len(rows), left_out)
    assert (
        "W214 left out of gs://test-images/in: 4 files of other exten" in capsys.readouterr().out
    )


@pytest.mark.usefixtures("services")
def test_a_whole_bucket_may_be_the_folder(folder, capsys):
    left_out = {}
    assert len(list(image_rows("gs://test-images", left_out))) == len(NAMES) + 1
    check_images(folder, 1, {"count": 0, "names": []})
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("services")
def test_more_than_a_page_is_listed_and_only_some_names_are_shown(vertex):
    path = vertex.store.path("gs://test-images-many/in")
    path.mkdir(parents=True)
    for number in range(1030):
        (path / f"{number}.txt").touch()
    left_out = {}
    assert list(image_rows("gs://test-images-many/in", left_out)) == []
    assert (left_out["count"], len(left_out["names"])) == (1030, 20)
    message = r"^E210 there is no image in gs://b/x, only 1030 files .*: in/0.txt, .*\.webp$"
    with pytest.raises(ValueError, match=message):
        check_images("gs://b/x", 0, left_out)


@pytest.mark.usefixtures("services")
def test_a_folder_marker_is_no_file(monkeypatch):
    pages = [{"items": [{"name": "in/"}, {"name": "in/a.jpg"}], "nextPageToken": "t"}, {}]
    monkeypatch.setattr(images, "google_request", lambda *_, **__: pages.pop(0))
    left_out = {}
    assert list(image_rows("gs://bucket/in", left_out)) == [
        ('"gs://bucket/in/a.jpg"', '"image/jpeg"')
    ]
    assert left_out["count"] == 0


@pytest.mark.usefixtures("services")
def test_a_page_that_comes_again_is_an_error(monkeypatch):
    page = {"items": [{"name": "in/a.jpg"}], "nextPageToken": "t"}
    monkeypatch.setattr(images, "google_request", lambda *_, **__: page)
    with pytest.raises(RuntimeError, match=r"^E252 Cloud Storage repeats a page of gs://b/in/"):
        list(object_names("b", "in/"))


@pytest.mark.parametrize(
    "prefix", ["/tmp/x", "gs://", "gs://A/x", "gs://b/*.jpg", "gs://bucket/a\nb", "gs://b?x/y", ""]
)
def test_what_is_no_folder_is_refused(prefix):
    with pytest.raises(ValueError, match=r"^E210 images_prefix is "):
        list(image_rows(prefix, {}))


@pytest.mark.usefixtures("services")
def test_an_absent_bucket_is_the_services_error():
    with pytest.raises(RuntimeError, match=r"^E252 GET .*/b/test-absent/o.* 404"):
        list(image_rows("gs://test-absent/x", {}))


def test_the_types_are_those_of_the_api():
    # To import the module takes seconds: the whole SDK comes with it.
    types = (
        Path(aiplatform_v1.__file__).parents[1] / "aiplatform/v1/schema/predict/instance_v1/types"
    )
    text = (types / "image_classification.py").read_text()
    assert set(image_types().values()) == set(re.findall(r"- (image/\S+)", text))
