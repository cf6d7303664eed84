"""The page of what is emulated says what the service does."""

from pathlib import Path

from batchpredict.local.bigquery.page import render

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "bigquery.md"


def test_the_page_is_that_of_the_service() -> None:
    assert PAGE.read_text() == render()
