"""Compare a schedule that Vertex AI keeps with the one that is wanted, field by field."""

import datetime
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from batchpredict.cron import Cron
from batchpredict.vertex.schedule_states import KeptSchedule, plain
from batchpredict.vertex.schedule_steps import steps_of

Json = Mapping[str, Any]
LONGEST_SHOWN = 80
TEMPLATE = "create_pipeline_job_request"
FIELDS = {
    "maxRunCount": "max_run_count",
    "maxConcurrentRunCount": "max_concurrent_run_count",
    "maxConcurrentActiveRunCount": "max_concurrent_active_run_count",
    "allowQueueing": "allow_queueing",
    "startTime": "start_time",
    "endTime": "end_time",
}
NEVER_UNSET = ("maxRunCount", "endTime")
OURS = {
    "displayName": "display_name",
    "templateUri": "template_uri",
    "serviceAccount": "service_account",
    "network": "network",
    "encryptionSpec.kmsKeyName": "encryption_key",
    "runtimeConfig.gcsOutputDirectory": "pipeline_root",
    "runtimeConfig.failurePolicy": "failure_policy",
}
"""Fields of the template that we set, and their names in a file; others are the service's."""
SERVICES_OWN = {
    "serviceAccount": "-compute@developer.gserviceaccount.com",
    "runtimeConfig.failurePolicy": "PIPELINE_FAILURE_POLICY_FAIL_SLOW",
}
"""How values end that the service may fill in where nothing was said."""
SERVICES_LABELS = ("vertex-", "goog-")


@dataclass(frozen=True)
class Change:
    """A field that is not as it should be.

    Attributes:
        path: Where, such as ``parameters.x``.
        before: What is kept; None when it is not set.
        after: What is wanted; None when it shall not be set.
        mask: The field of the ``Schedule`` that has to be sent.
    """

    path: str
    before: Any
    after: Any
    mask: str

    @property
    def text(self) -> str:
        """The change in one line."""
        return f"{self.path}: {shown(self.before)} -> {shown(self.after)}"

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON; long texts are told by their length."""
        return {"path": self.path, "before": _brief(self.before), "after": _brief(self.after)}


def changes(kept: KeptSchedule, wanted: Json) -> list[Change]:
    """Return what has to change; what the service adds by itself is no change.

    Args:
        kept: The schedule as it is.
        wanted: The ``Schedule`` as the REST API would give it back.
    """
    return [*_timing(kept.resource, wanted), *_template(kept.template, _job(wanted))]


def _job(wanted: Json) -> Json:
    return dict(wanted["createPipelineJobRequest"]["pipelineJob"])


def _timing(kept: Json, wanted: Json) -> Iterator[Change]:
    if _firing(kept.get("cron", "")) != _firing(wanted["cron"]):
        yield Change("cron", kept.get("cron"), wanted["cron"], "cron")
    for key, name in FIELDS.items():
        before, after = kept.get(key), wanted.get(key)
        if after is None and key in (*NEVER_UNSET, "startTime"):
            continue  # the first two cannot be unset, the service says when it started
        if key == "allowQueueing":
            before, after = bool(before), bool(after)
        elif key.endswith("Time"):
            before, after = _instant(before), _instant(after)
        else:
            before, after = (None if it is None else int(it) for it in (before, after))
        if before != after:
            yield Change(name, before, after, name)


def _instant(text: str | None) -> str | None:
    """Return a time in the one form that can be compared."""
    if not text:
        return None
    moment = datetime.datetime.fromisoformat(text).astimezone(datetime.UTC)
    return moment.isoformat().replace("+00:00", "Z")


def _firing(text: str) -> tuple[str, str]:
    try:
        cron = Cron(text)
    except ValueError:  # one that this machine does not know
        return text, ""
    return cron.fields.upper(), cron.zone.key


def _template(kept: Json, wanted: Json) -> Iterator[Change]:
    before, after = _leaves(kept), _leaves(wanted)
    for path in sorted({*before, *after}):
        one, other = before.get(path), after.get(path)
        if not _same(one, other) and not (other is None and _is_services_own(path, one)):
            yield Change(OURS.get(path, path), one, other, TEMPLATE)
    yield from _pipeline(kept.get("pipelineSpec", {}), wanted.get("pipelineSpec", {}))


def _leaves(job: Json) -> dict[str, Any]:
    """Return the values of a template by path, without its pipeline."""
    runtime = dict(job.get("runtimeConfig", {}))
    found = {f"parameters.{key}": it for key, it in runtime.pop("parameterValues", {}).items()}
    found |= {f"labels.{key}": it for key, it in job.get("labels", {}).items()}
    rest = {key: it for key, it in job.items() if key not in ("pipelineSpec", "labels")}
    found |= dict(_flat({**rest, "runtimeConfig": runtime}))
    return {path: plain(value) for path, value in found.items()}


def _same(one: Any, other: Any) -> bool:
    """Whether two values are the same in JSON, where true is not 1, but 1.0 is."""
    return json.dumps(plain(one), sort_keys=True) == json.dumps(plain(other), sort_keys=True)


def _flat(value: Json, path: str = "") -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        if isinstance(item, Mapping):
            yield from _flat(item, f"{path}{key}.")
        else:
            yield f"{path}{key}", item


def _is_services_own(path: str, value: Any) -> bool:
    """Whether the service may have set this where nothing was said."""
    if path.startswith("labels."):
        return path.removeprefix("labels.").startswith(SERVICES_LABELS)
    if path.startswith("parameters."):
        return False
    own = SERVICES_OWN.get(path)
    return path not in OURS or bool(own and str(value).endswith(own))


def _pipeline(kept: Json, wanted: Json) -> Iterator[Change]:
    """Yield how two compiled pipelines differ: the name, the steps, then whatever is left."""
    if _same(kept, wanted):
        return
    one, other = (spec.get("pipelineInfo", {}).get("name") for spec in (kept, wanted))
    before, after = steps_of(kept), steps_of(wanted)
    found = [] if one == other else [Change("pipeline", one, other, TEMPLATE)]
    for step in sorted({*before, *after}):
        found += _step(f"pipeline.{step}", before.get(step), after.get(step))
    if not found:
        keys = sorted({*kept, *wanted})
        found = [
            Change(f"pipeline.{key}", kept.get(key), wanted.get(key), TEMPLATE)
            for key in keys
            if not _same(kept.get(key), wanted.get(key))
        ]
    yield from found


def _step(path: str, before: Json | None, after: Json | None) -> list[Change]:
    if before is None or after is None:
        is_gone = after is None
        return [
            Change(path, "a step" if is_gone else None, None if is_gone else "a step", TEMPLATE)
        ]
    one, other = dict(_flat(before)), dict(_flat(after))
    return [
        Change(f"{path}.{key}", one.get(key), other.get(key), TEMPLATE)
        for key in sorted({*one, *other})
        if not _same(one.get(key), other.get(key))
    ]


def _brief(value: Any) -> Any:
    """Return a value, or what stands for one that is too long to read."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) <= LONGEST_SHOWN:
        return value
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{len(text):,} characters (sha256 {digest}…)"


def shown(value: Any) -> str:
    """Return a value for people."""
    if value is None:
        return "unset"
    brief = _brief(value)
    return brief if isinstance(brief, str) else json.dumps(brief, ensure_ascii=False)


def unset_fields(kept: KeptSchedule, wanted: Json, now: datetime.datetime) -> list[str]:
    """Return the fields that have a value and shall have none, which the service does not do.

    Args:
        kept: The schedule as it is.
        wanted: The ``Schedule`` as the REST API would give it back.
        now: The time; a start that has passed is no matter any more.
    """
    found = [FIELDS[key] for key in NEVER_UNSET if kept.resource.get(key) and key not in wanted]
    start = kept.moment("startTime")
    if "startTime" not in wanted and start and start > now and start != kept.moment("createTime"):
        found.append("start_time")
    return found
