"""Google's e-mail step: its container does nothing, and Vertex AI itself sends the mail."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

MODULE = "google_cloud_pipeline_components.container.v1.vertex_notification_email.executor"


def is_email(command: Sequence[str]) -> bool:
    """Whether a step is ``VertexNotificationEmailOp``.

    Its command only raises NotImplementedError: Vertex AI does not start it.
    """
    return MODULE in command


def tell_email(log: Path, arguments: Mapping[str, Any]) -> None:
    """Write into a step's log what Vertex AI would have sent, and to whom.

    Args:
        log: The log of the step.
        arguments: What the step was given.
    """
    recipients = ", ".join(map(str, arguments.get("recipients") or [])) or "nobody"
    status = arguments.get("pipeline_task_final_status") or {}
    error = (status.get("error") or {}).get("message", "")
    lines = [
        f"Nothing is sent from this machine. Vertex AI would have mailed {recipients}:",
        f"{status.get('pipeline_job_resource_name', 'the run')} ended: "
        f"{status.get('state', 'unknown')}",
        *([error] if error else []),
    ]
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("\n".join(lines) + "\n")
