"""Answers as TorchServe does with the JSON envelope, by a model archive ``model.mar``.

The archive's handler is loaded and called by TorchServe's own Python package, without its Java
server. Source: https://cloud.google.com/vertex-ai/docs/predictions/pre-built-containers
"""

import json
import os
import sys
import threading
import zipfile
from collections.abc import Callable
from typing import Any

ARCHIVE = "model.mar"
Values = dict[str, Any]


def unpack(archive: str, folder: str) -> str:
    """Unpack a model archive and return the name of its handler.

    Raises:
        ValueError: It is no model archive.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            file.extractall(folder)
        with open(os.path.join(folder, "MAR-INF", "MANIFEST.json"), encoding="utf-8") as file:
            return str(json.load(file)["model"]["handler"])
    except (KeyError, OSError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{archive} is no model archive: {error}") from error


def load(folder: str) -> Callable[[Values], Values]:
    """Load the archive of a folder and return what answers requests."""
    import ts  # type: ignore[import-not-found,unused-ignore]
    from ts.context import RequestProcessor  # type: ignore[import-not-found,unused-ignore]
    from ts.metrics.metric_cache_yaml_impl import (  # type: ignore[import-not-found,unused-ignore]
        MetricsCacheYamlImpl,
    )
    from ts.model_loader import TsModelLoader  # type: ignore[import-not-found,unused-ignore]

    place = os.path.abspath("unpacked")
    handler = unpack(os.path.join(folder, ARCHIVE), place)
    sys.path.insert(0, place)
    metrics = MetricsCacheYamlImpl(os.path.join(ts.__path__[0], "configs", "metrics.yaml"))
    metrics.initialize_cache()
    metrics.set_request_ids("request")
    service = TsModelLoader().load("model", place, handler, None, 1, "json", True, metrics)
    lock = threading.Lock()  # a worker of TorchServe has one request at a time

    def predict(request: Values) -> Values:
        with lock:
            service.context.request_ids = {0: "request"}
            service.context.request_processor = [RequestProcessor({})]
            replies = service._entry_point([{"body": request}], service.context)
        reply = json.loads(replies[0])
        return reply if isinstance(reply, dict) else {"predictions": reply}

    return predict
