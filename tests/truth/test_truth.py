"""The generator itself: its files hold what it says, read by nothing but the standard library."""

import json
import math
import time
from collections import Counter
from dataclasses import replace

import pytest

from truth.jobs import make_job
from truth.layouts import FORMS, KEYS, NUMBERING, ODDITIES, Layout
from truth.lines import INSTANCE, PREDICTION

ALL_ODD = frozenset(ODDITIES)


def strict(text):
    def unique(pairs):
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    found = json.loads(text, parse_constant=refuse, parse_int=finite, object_pairs_hook=unique)
    json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
    return found


def finite(text):
    if math.isinf(float(text)):
        raise ValueError(text)
    return int(text)


def refuse(name):
    raise ValueError(name)


def lines_of(job):
    for path in sorted(job.directory.iterdir()):
        if path.name in job.unknown or "errors_stats" in path.name:
            continue
        for line in path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n"):
            if line.strip():
                yield path.name, line


@pytest.mark.parametrize("form", [form for form in FORMS if not FORMS[form].csv])
@pytest.mark.parametrize("keys", KEYS)
def test_the_files_hold_what_the_truth_says(tmp_path, form, keys):
    job = make_job(Layout(form, 60, 3, 4, keys, "text", odd=ALL_ODD - {"constants"}), tmp_path)
    found, unread = Counter(), Counter()
    name, shown = PREDICTION.get(job.layout.kind, "prediction"), INSTANCE.get(form, "instance")
    for source, line in lines_of(job):
        try:
            row = strict(line.decode())
            if row.get(name) not in ([], {}) and name in row:
                instance = json.dumps(row[shown]) if shown in row else None
                found[source, instance, json.dumps(row[name])] += 1
            elif not {"error", "status"} & set(row):
                unread[source] += 1
        except (ValueError, AssertionError, AttributeError, RecursionError):
            unread[source] += 1
    truth = job.predicted
    rows = zip(truth.sources, truth.instances, truth.texts, strict=True)
    spelt = [(s, i and json.dumps(json.loads(i)), json.dumps(json.loads(p))) for s, i, p in rows]
    assert found == Counter(spelt)
    assert unread == Counter(row.source for row in job.failures if row.raw is not None)
    assert job.instances.read_bytes().count(b"\n") == 60


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("numbering", NUMBERING)
def test_a_layout_gives_the_same_bytes_again(tmp_path, form, numbering):
    contents = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        job = make_job(Layout(form, 30, 7, 3, numbering=numbering, odd=ALL_ODD), tmp_path / name)
        files = [path for path in sorted(job.directory.rglob("*")) if path.is_file()]
        contents.append([job.instances.read_bytes(), *(path.read_bytes() for path in files)])
    assert contents[0] == contents[1]


def test_rows_differ(tmp_path):
    job = make_job(Layout("scalar", 5000, 1), tmp_path)
    assert len(set(job.predicted.keys)) == 5000
    assert len(set(job.predicted.texts)) > 4000


def test_it_is_fast(tmp_path):
    layout, best = Layout("scalar", 100_000, 1, 100), 9.0
    for number in range(3):
        (tmp_path / str(number)).mkdir()
        started = time.process_time()
        make_job(replace(layout, seed=number), tmp_path / str(number))
        best = min(best, time.process_time() - started)
    assert best < 1, "the campaigns are about the component, not about making its input"
