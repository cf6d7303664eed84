"""The fingerprint, against values of the reference implementation and of BigQuery's reference."""

import pytest

from batchpredict.local.bigquery.sql.fingerprint import farm_fingerprint


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        (0, -7286425919675154353),
        (3, -7736835464683084646),
        (5, -5422428610433466039),
        (12, -6929387038567547523),
        (24, 4556289589497654983),
        (48, -892414305677637021),
        (64, -755192159902184373),
        (65, -4133415862504178242),
        (130, -1593842854195603699),
    ],
)
def test_each_way_of_mixing(size: int, wanted: int) -> None:
    assert farm_fingerprint(bytes(range(size))) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (b"1footrue", -1541654101129638711),
        (b"2applefalse", 2794438866806483259),
        (b"3true", -4880158226897771312),
    ],
)
def test_the_examples_of_the_reference(text: bytes, wanted: int) -> None:
    assert farm_fingerprint(text) == wanted
