"""Features of KFP that are not run here: refused by name before any step starts."""

from typing import Any

from google.protobuf import json_format

from batchpredict.local.pipelines.placeholders import unknown_placeholder

WORKSPACE = ".workspace_path"
OF_A_CLUSTER = {  # settings for Kubernetes that change nothing of what a step sees
    "imagePullPolicy",
    "imagePullSecret",
    "nodeAffinity",
    "nodeSelector",
    "podAffinity",
    "podMetadata",
    "securityContext",
    "tolerations",
    "resourceTtlOnCompletion",
    "resourceTtlOnFailure",
    "resourceTtlOnSuccess",
}
DEADLINE = "activeDeadlineSeconds"


def check_root(root: Any) -> None:
    """Refuse a pipeline that must be given an artifact.

    Raises:
        ValueError: It takes one that is not optional.
    """
    for name, spec in root.input_definitions.artifacts.items():
        if not spec.is_optional:
            raise ValueError(
                f"E340 the pipeline takes the artifact {name!r}: artifacts are not handed to runs "
                "here; import it inside (dsl.importer), and give its URI as a parameter"
            )


def check_step(name: str, component: Any, executor: Any) -> None:
    """Refuse a step that needs what this machine does not have.

    Raises:
        ValueError: It does; the message names the step and the feature.
    """
    kind = executor.WhichOneof("spec")
    if kind not in ("container", "importer"):
        raise ValueError(f"E340 task {name!r} is carried out by a {kind}, which is not run here")
    if component.task_config_passthroughs:
        raise ValueError(
            f"E340 task {name!r} uses dsl.TaskConfig: only a Kubernetes cluster passes its own "
            "settings on"
        )
    if kind == "importer":
        if executor.importer.download_to_workspace:
            raise _workspace(name)
        return
    container = executor.container
    if not container.command:
        raise ValueError(
            f"E340 task {name!r} relies on the entry point of its image, and images are not run "
            "locally; give its container a command"
        )
    if any("-m venv " in text for text in container.command):
        raise ValueError(
            f"E340 task {name!r} makes a virtual environment of its own (use_venv), and nothing "
            "is installed here; leave use_venv out"
        )


def check_texts(name: str, message: Any) -> None:
    """Refuse placeholders in a task, a component or an executor that stand for nothing here.

    Args:
        name: What to call it.
        message: Its message.

    Raises:
        ValueError: There is one.
    """
    for text in _texts(json_format.MessageToDict(message)):
        unknown = unknown_placeholder(text)
        if unknown == WORKSPACE:
            raise _workspace(name)
        if unknown:
            raise ValueError(
                f"E343 task {name!r}: the placeholder {{{{${unknown}}}}} is not known on this "
                "machine"
            )


def _workspace(name: str) -> ValueError:
    return ValueError(
        f"E340 task {name!r} uses the workspace of a Kubernetes cluster (dsl.WorkspaceConfig); "
        "Vertex AI has none either: hand files on as artifacts"
    )


def _texts(content: Any) -> list[str]:
    if isinstance(content, dict):
        parts = [*content, *content.values()]
    elif isinstance(content, list):
        parts = content
    else:
        return [content] if isinstance(content, str) else []
    return [text for part in parts for text in _texts(part)]


def check_platforms(platforms: Any) -> None:
    """Refuse what the second document of a file asks of a platform, unless it changes nothing.

    Raises:
        ValueError: It asks for more; the message names the settings.
    """
    for platform, settings in _mapping(platforms).items():
        wanted = {*_mapping(_mapping(settings).get("pipelineConfig"))} - {DEADLINE}
        deployment = _mapping(_mapping(settings).get("deploymentSpec"))
        for executor in _mapping(deployment.get("executors")).values():
            wanted |= {*_mapping(executor)}
        wanted -= OF_A_CLUSTER
        if wanted:
            raise ValueError(
                f"E340 the pipeline uses {', '.join(sorted(wanted))} of the platform "
                f"{platform!r}, which neither Vertex AI nor this machine has"
            )


def deadline_of(platforms: Any) -> float | None:
    """Return the seconds after which a run is to be cancelled (``active_deadline_seconds``)."""
    found = [
        _mapping(_mapping(settings).get("pipelineConfig")).get(DEADLINE)
        for settings in _mapping(platforms).values()
    ]
    seconds = [
        float(it) for it in found if isinstance(it, int | float | str) and str(it).isdigit()
    ]
    return min((it for it in seconds if it > 0), default=None)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
