"""The page that says what of Vertex AI is emulated, method by method and field by field.

``python -m batchpredict.local.vertex.surface.page > docs/reference/emulation.md`` writes it. The
methods are those of the installed client, the emulated ones those that the services have, the
fields those of ``surface.fields``.
"""

import re
from collections.abc import Iterator

from batchpredict.local.network.rpcs import Rpc, load_rpcs
from batchpredict.local.vertex.endpoints import EndpointService
from batchpredict.local.vertex.jobs import JobService
from batchpredict.local.vertex.metadata.service import MetadataService
from batchpredict.local.vertex.models import ModelService
from batchpredict.local.vertex.pipeline_jobs import PipelineService
from batchpredict.local.vertex.predictions import PredictionService
from batchpredict.local.vertex.schedules.service import ScheduleService
from batchpredict.local.vertex.surface.fields import APPROXIMATED, FIELDS, METHODS
from batchpredict.local.vertex.surface.other_fields import OTHERS
from batchpredict.local.vertex.surface.rules import CHANGED, fields_of
from batchpredict.local.vertex.training.custom_jobs import CustomJobs
from batchpredict.local.vertex.training.pipelines import TrainingPipelines
from batchpredict.local.vertex.training.tuning import TuningJobs

SERVICES: dict[str, tuple[type, ...]] = {
    "ModelService": (ModelService,),
    "EndpointService": (EndpointService,),
    "PredictionService": (PredictionService,),
    "JobService": (JobService, CustomJobs, TuningJobs),
    "PipelineService": (PipelineService, TrainingPipelines),
    "ScheduleService": (ScheduleService,),
    "MetadataService": (MetadataService,),
}
"""The classes that carry out the methods of each service."""
WORDS = {
    "used": "used",
    "kept": "kept without effect",
    "ignored": "ignored",
    "set": "set by the service",
    "empty": "left empty",
    "refused": "**refused**",
}
HEAD = """\
# What is emulated, method by method and field by field

Written by `python -m batchpredict.local.vertex.surface.page`; the tests compare it with the
services. A method that is listed as neither emulated nor approximated answers `UNIMPLEMENTED`,
as do all streaming methods and all other services. An unknown field is `INVALID_ARGUMENT`.

The words for fields: **used**, it has its effect; **kept without effect**, it comes back as it
was sent; **ignored**, no reply shows it; **set by the service**, what a client sends is dropped;
**left empty**, the service would say it, here nobody does; **refused**, `UNIMPLEMENTED` with the
name of the field. A line stands for everything inside its field.
"""


def emulates(rpc: Rpc) -> bool:
    """Whether a service here carries the method out."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", rpc.method).lower()
    return any(hasattr(it, name) for it in SERVICES[rpc.service])


def render() -> str:
    """Return the page."""
    rpcs = list(load_rpcs().values())
    lines = [HEAD, "## Methods", ""]
    for service in SERVICES:
        lines += _service(service, [rpc for rpc in rpcs if rpc.service == service])
    lines += ["## Fields of what is made", ""]
    for method in FIELDS:
        lines += _fields(method)
    lines += ["## Fields of other requests", "", *_others()]
    lines += ["## Fields of what is changed", "", *_changes()]
    return "\n".join(lines) + "\n"


def _service(service: str, rpcs: list[Rpc]) -> Iterator[str]:
    yield from (f"### {service}", "", "| method | | |", "|---|---|---|")
    for rpc in rpcs:
        if emulates(rpc):
            word = "approximated" if rpc.method in APPROXIMATED else "emulated"
            note = (APPROXIMATED | METHODS).get(rpc.method, "")
            yield f"| {rpc.method} | {word} | {note} |"
    refused = ", ".join(rpc.method for rpc in rpcs if not emulates(rpc))
    yield f"| {refused} | **refused** | |" if refused else ""
    yield ""


def _fields(method: str) -> Iterator[str]:
    yield from (f"### {method}", "", "| field | | |", "|---|---|---|")
    for path, field in fields_of(method).items():
        yield f"| `{path}` | {WORDS[field.status]} | {field.note} |"
    yield ""


def _others() -> Iterator[str]:
    yield from ("| method | used | |", "|---|---|---|")
    for method in OTHERS:
        fields = fields_of(method)
        used = ", ".join(f"`{path}`" for path, it in fields.items() if it.status == "used")
        rest = "; ".join(
            f"`{path}` {WORDS[it.status]}{f': {it.note}' if it.note else ''}"
            for path, it in fields.items()
            if it.status != "used"
        )
        yield f"| {method} | {used} | {rest} |"
    yield ""


def _changes() -> Iterator[str]:
    yield "An `update_mask` may name these; every other field is refused with `INVALID_ARGUMENT`."
    yield from ("", "| method | fields |", "|---|---|")
    for method, paths in CHANGED.items():
        yield f"| {method} | {', '.join(f'`{path}`' for path in paths)} |"


if __name__ == "__main__":
    print(render(), end="")
