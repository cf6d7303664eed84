"""Schedules and training as a user of Google's SDK writes them; prints JSON.

After the line ``advance`` it waits for a line: by then the clock of the services was advanced.

usage: training_script.py TRANSPORT COMPILED_YAML PACKAGE_URI IMAGE
"""

import json
import logging
import sys
import warnings
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")
from google.cloud import aiplatform  # noqa: E402
from google.cloud.aiplatform import hyperparameter_tuning  # noqa: E402

TRAIN = """
import os, pathlib, joblib
from sklearn.linear_model import LinearRegression
folder = pathlib.Path(os.environ["AIP_MODEL_DIR"].replace("gs://", "/gcs/"))
folder.mkdir(parents=True)
joblib.dump(LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0]), folder / "model.joblib")
"""


def main(transport: str, template: str, package: str, image: str) -> None:
    logging.disable(logging.CRITICAL)
    options: Any = {} if transport == "grpc" else {"api_transport": transport}
    bucket = f"gs://sdk-training-{transport}"
    aiplatform.init(
        project="local-project", location="us-central1", staging_bucket=bucket, **options
    )
    seen = {
        **schedules(template, bucket),
        **custom(image),
        **training(package, image),
        **tuning(image),
    }
    print(json.dumps(seen))


def schedules(template: str, bucket: str) -> dict[str, Any]:
    """Make a schedule, change it, let it fire, and find its run."""
    job = aiplatform.PipelineJob(
        display_name="scheduled", template_path=template, pipeline_root=f"{bucket}/root"
    )
    schedule: Any = aiplatform.PipelineJobSchedule(job, display_name="by-the-sdk")
    schedule.create(cron="TZ=Europe/Berlin 0 6 * * *", max_concurrent_run_count=1)
    seen: dict[str, Any] = {"states": [schedule.state.name]}
    schedule.pause()
    seen["states"].append(schedule.state.name)
    schedule.resume(catch_up=False)
    seen["states"].append(schedule.state.name)
    schedule.update(display_name="changed", max_run_count=1)
    found = aiplatform.PipelineJobSchedule.list(filter='display_name="changed"')
    seen["found"] = [it.name == schedule.name for it in found]
    print("advance", flush=True)
    sys.stdin.readline()
    [run] = schedule.list_jobs()
    run.wait()
    seen["run"] = run.state.name
    seen["states"].append(schedule.state.name)
    schedule.delete()
    seen["left"] = len(aiplatform.PipelineJobSchedule.list(filter='display_name="changed"'))
    return seen


def custom(image: str) -> dict[str, Any]:
    """Run a custom job of a container and one of a script."""
    pool = {
        "machine_spec": {"machine_type": "n1-standard-4"},
        "replica_count": 1,
        "container_spec": {"image_uri": image, "command": ["sh", "-c", "exit 0"]},
    }
    done: Any = aiplatform.CustomJob(display_name="container", worker_pool_specs=[pool])
    done.run()
    pool["container_spec"] = {"image_uri": image, "command": ["sh", "-c", "echo sorry; exit 3"]}
    failing: Any = aiplatform.CustomJob(display_name="fails", worker_pool_specs=[pool])
    said = ""
    try:
        failing.run()
    except RuntimeError as error:
        said = str(error)
    listed = aiplatform.CustomJob.list(filter='display_name="container"')
    return {
        "custom": [done.state.name, failing.state.name, "exited with status 3: sorry" in said],
        "listed": done.resource_name in [it.resource_name for it in listed],
    }


def training(package: str, image: str) -> dict[str, Any]:
    """Train by a script, by a package and by a container; each gives a model."""
    script = Path("train.py")
    script.write_text(TRAIN)
    serving: Any = {"container_uri": image, "model_serving_container_image_uri": image}
    jobs: dict[str, Any] = {
        "script": aiplatform.CustomTrainingJob(
            display_name="script", script_path=str(script), requirements=["joblib"], **serving
        ),
        "package": aiplatform.CustomPythonPackageTrainingJob(
            display_name="package",
            python_package_gcs_uri=package,
            python_module_name="trainer.task",
            **serving,
        ),
        "container": aiplatform.CustomContainerTrainingJob(
            display_name="container", command=["python3", "-c", TRAIN], **serving
        ),
    }
    seen: dict[str, Any] = {}
    for title, job in jobs.items():
        model = job.run(model_display_name=title, machine_type="n1-standard-4")
        seen[title] = [job.state.name, model.display_name, model.version_id]
    endpoint: Any = model.deploy(
        machine_type="n1-standard-2",
        explanation_metadata=aiplatform.explain.ExplanationMetadata(
            inputs={"x": {}}, outputs={"y": {}}
        ),
        explanation_parameters=aiplatform.explain.ExplanationParameters(
            {"sampled_shapley_attribution": {"path_count": 5}}
        ),
    )
    explained = endpoint.explain(instances=[[3.0]])
    [attribution] = explained.explanations[0].attributions
    return {"trained": seen, "part": list(attribution.feature_attributions["x"])}


def tuning(image: str) -> dict[str, Any]:
    """Let two trials report the square of their value."""
    code = (
        "import json, os, sys; x = float(sys.argv[1].partition('=')[2]);"
        "open(os.environ['CLOUD_ML_HP_METRIC_FILE'], 'w').write(json.dumps({'square': x * x}))"
    )
    pool = {
        "machine_spec": {"machine_type": "n1-standard-4"},
        "container_spec": {"image_uri": image, "command": ["python3", "-c", code]},
    }
    trial: Any = aiplatform.CustomJob(display_name="trial", worker_pool_specs=[pool])
    values = hyperparameter_tuning.IntegerParameterSpec(min=2, max=3, scale="linear")
    job: Any = aiplatform.HyperparameterTuningJob(
        display_name="tuned",
        custom_job=trial,
        metric_spec={"square": "maximize"},
        parameter_spec={"x": values},
        max_trial_count=2,
        parallel_trial_count=2,
        search_algorithm="grid",
    )
    job.run()
    return {"squares": sorted(it.final_measurement.metrics[0].value for it in job.trials)}


if __name__ == "__main__":
    main(*sys.argv[1:])
