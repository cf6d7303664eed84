"""Online requests to a model server: what Vertex AI lets through, and what it makes of replies.

Source: https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements
"""

import http.client
import json
from typing import Any

from google.rpc import code_pb2

from batchpredict.local.serving.servers import REQUEST_SECONDS, ModelServers
from batchpredict.local.serving.variables import Deployment
from batchpredict.local.vertex.errors import ServiceError, invalid

MOST_BYTES = 3 << 19  # 1.5 MB
LONGEST_TEXT = 2000


def ask(servers: ModelServers, endpoint: Any, deployed: Any, model: Any, body: bytes) -> bytes:
    """Send a request to the server of a deployed model and return its reply.

    Args:
        servers: The model servers.
        endpoint: The endpoint, which may limit time and size.
        deployed: The deployed model.
        model: The model.
        body: The request.

    Raises:
        ServiceError: The request or the reply is too large, or the server refused it, ended, or
            did not answer in time.
    """
    _check_size(endpoint, "Request", body)
    timeout = endpoint.client_connection_config.inference_timeout
    seconds = timeout.total_seconds() if timeout else REQUEST_SECONDS
    place = Deployment.of(endpoint.name, deployed)
    try:
        status, content = servers.post(model, body, seconds, place)
    except TimeoutError as error:
        text = f"The model server did not answer within {seconds:g} s."
        raise ServiceError(code_pb2.DEADLINE_EXCEEDED, text) from error
    except (OSError, http.client.HTTPException) as error:
        text = f"The model server ended or did not answer in HTTP: {error or type(error).__name__}"
        raise ServiceError(code_pb2.UNAVAILABLE, text) from error
    if status != 200:
        raise _rejected(status, content)
    _check_size(endpoint, "Response", content)
    return content


def _rejected(status: int, content: bytes) -> ServiceError:
    code = code_pb2.INVALID_ARGUMENT if status < 500 else code_pb2.INTERNAL
    text = content.decode(errors="replace")[:LONGEST_TEXT]
    return ServiceError(code, f"The model server answered {status}: {text}")


def _check_size(endpoint: Any, what: str, content: bytes) -> None:
    shared = not (endpoint.network or endpoint.dedicated_endpoint_enabled)
    if shared and len(content) > MOST_BYTES:
        raise invalid(
            f"{what} payload size exceeds the limit: {len(content)} bytes, at most {MOST_BYTES} "
            "on a shared public endpoint"
        )


def predictions_in(content: bytes) -> list[Any]:
    """Return the predictions of a reply.

    Raises:
        ServiceError: INTERNAL, it is not JSON with a list of predictions.
    """
    try:
        predictions = json.loads(content)["predictions"]
    except (ValueError, KeyError, TypeError, RecursionError):
        predictions = None
    if not isinstance(predictions, list):
        text = content.decode(errors="replace")[:200]
        message = f"The model server's reply is not an object with a list of predictions: {text}"
        raise ServiceError(code_pb2.INTERNAL, message)
    return predictions
