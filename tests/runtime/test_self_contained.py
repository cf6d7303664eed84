"""What KFP sends to a container is the source alone: it must carry all that it names."""

import builtins
import dis
import importlib
import inspect
import json
from pathlib import Path
from types import CodeType, FunctionType

import pytest
import yaml
from kfp import compiler, dsl

from batchpredict import images
from batchpredict.carrying import MAX_SOURCE_BYTES

MAIN_JOB = ("split_dataset", "train_model", "parse_predictions", "evaluate_predictions", "gate")
COMPONENTS = (
    *MAIN_JOB,
    "check_batch_request",
    "fetch_bigquery_output",
    "join_predictions",
    "merge_retried",
    "merge_summaries",
    "parse_shards",
    "pick_run_date",
    "prepare_instances",
    "publish_predictions",
    "run_batch_prediction_job",
    "select_failed_instances",
    "split_shards",
    "wait_batch_prediction_job",
)
PENGUINS = Path(__file__).parents[2] / "examples" / "penguins.csv"


def component(name):
    return getattr(importlib.import_module(f"batchpredict.components.{name}"), name)


def compiled(name, folder):
    path = folder / f"{name}.yaml"
    compiler.Compiler().compile(component(name), str(path))
    return yaml.safe_load(path.read_text())


def embedded(name, folder):
    [executor] = compiled(name, folder)["deploymentSpec"]["executors"].values()
    source = executor["container"]["command"][-1]
    namespace = {}
    exec(compile(source, "<component>", "exec"), namespace)
    return source, namespace, executor["container"]


def globals_read(code):
    yield from (i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL")
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from globals_read(constant)


@pytest.mark.parametrize("name", COMPONENTS)
def test_the_source_carries_all_that_it_names(name, tmp_path):
    source, namespace, container = embedded(name, tmp_path)
    own = [
        f.__code__
        for f in namespace.values()
        if isinstance(f, FunctionType) and f.__code__.co_filename == "<component>"
    ]
    read = {used for code in own for used in globals_read(code)}
    assert read - namespace.keys() - set(dir(builtins)) == set()
    assert "from batchpredict" not in source
    assert len(source.encode()) < MAX_SOURCE_BYTES
    assert container["image"] == images.PYTHON


@pytest.mark.parametrize("name", COMPONENTS)
def test_no_function_is_carried_in_vain(name, tmp_path):
    _, namespace, _ = embedded(name, tmp_path)
    functions = {n: f for n, f in namespace.items() if isinstance(f, FunctionType)}
    own = {n: f for n, f in functions.items() if f.__code__.co_filename == "<component>"}
    used = {g for f in own.values() for g in globals_read(f.__code__)}
    assert set(own) - used == {name}


@pytest.mark.parametrize("name", COMPONENTS)
def test_every_input_and_output_is_described(name, tmp_path):
    [spec] = compiled(name, tmp_path)["components"].values()
    for side in ("inputDefinitions", "outputDefinitions"):
        for kind in ("artifacts", "parameters"):
            for item, definition in spec.get(side, {}).get(kind, {}).items():
                assert definition.get("description"), f"{name}.{item}"


@pytest.mark.parametrize("name", COMPONENTS)
def test_the_body_is_an_adapter(name):
    function = component(name).python_func
    text = inspect.getsource(function)
    body = text[text.index('"""', text.index('"""') + 3) + 3 :]
    assert len([row for row in body.splitlines() if row.strip()]) <= 40


def test_the_steps_work_on_their_source_alone(tmp_path):
    steps = {name: embedded(name, tmp_path)[1][name] for name in MAIN_JOB}

    def dataset(name):
        return dsl.Dataset(uri=str(tmp_path / name))

    splits = {name: dataset(name) for name in ("train", "test", "instances")}
    given = dsl.Dataset(uri=str(PENGUINS))
    split = steps["split_dataset"](dataset=given, **splits, target_column="species")
    model = dsl.Model(uri=str(tmp_path / "model"))
    trained = steps["train_model"](
        train=splits["train"],
        model=model,
        target_column="species",
        feature_columns=split.feature_columns,
        task=split.task,
    )
    rows = [json.loads(row) for row in Path(splits["instances"].path).read_text().splitlines()]
    (tmp_path / "job").mkdir()
    lines = [json.dumps({"instance": row, "prediction": "Adelie"}) + "\n" for row in rows]
    (tmp_path / "job" / "prediction.results-00000-of-00001").write_text("".join(lines))
    predictions = dataset("predictions")
    parsed = steps["parse_predictions"](
        output_directory=dataset("job"),
        predictions=predictions,
        failures=dataset("failures"),
        summary=dataset("summary"),
        metrics=dsl.Metrics(uri="m"),
        report=dsl.Markdown(uri=str(tmp_path / "page")),
        instances=splits["instances"],
        labels=trained.labels,
    )
    assert tuple(parsed) == (86, 0, 0)
    evaluated = steps["evaluate_predictions"](
        predictions=predictions,
        truth=splits["test"],
        target_column="species",
        task=split.task,
        metrics=dsl.Metrics(uri="m"),
        classification_metrics=dsl.ClassificationMetrics(uri="c"),
        report=dsl.HTML(uri=str(tmp_path / "report")),
    )
    assert evaluated.scores["accuracy"] == 38 / 86
    assert steps["gate"](scores=evaluated.scores).decision == "fail"
