"""What holds for a command: each value, and where it comes from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from batchpredict.errors import UsageError

PREFIX = "BATCHPREDICT_"
FLAGS = {
    "environment": "--env",
    "project": "--project",
    "location": "--location",
    "pipeline_root": "--pipeline-root",
    "service_account": "--service-account",
}
TEXTS = ("project", "location", "pipeline_root", "service_account", "network", "encryption_key")
SCALARS = (*TEXTS, "enable_caching", "failure_policy")
NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Settings:
    """The settings of a command.

    Attributes:
        environment: The one that was asked for, or "".
        project: The Google Cloud project, or "", as all texts that are not set.
        location: The region.
        pipeline_root: Where runs write.
        service_account: What the steps act as.
        network: A peered network.
        encryption_key: A key of Cloud KMS.
        labels: Labels of every run.
        enable_caching: None leaves it to the compiled pipeline.
        failure_policy: ``slow`` or ``fast``, or "".
        sources: Folder of the user's own pipelines in Python.
        compiled: Folder of the user's own compiled pipelines.
        file: The configuration file.
        environments: The names that the file has.
        parameters: Values of the file by pipeline.
        origins: Where each value comes from, by key such as ``project``, ``labels.team`` or
            ``parameters.score.target_column``.
    """

    environment: str = ""
    project: str = ""
    location: str = ""
    pipeline_root: str = ""
    service_account: str = ""
    network: str = ""
    encryption_key: str = ""
    labels: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    enable_caching: bool | None = None
    failure_policy: str = ""
    sources: Path | None = None
    compiled: Path | None = None
    file: Path | None = None
    environments: tuple[str, ...] = ()
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: NOTHING)
    origins: Mapping[str, str] = field(default_factory=lambda: NOTHING)

    def parameters_of(self, pipeline: str) -> dict[str, Any]:
        """Return the values that the file has for a pipeline, by the name of its file."""
        return dict(self.parameters.get(pipeline, {}))

    def origin(self, key: str) -> str:
        """Return where the value of a key comes from."""
        return self.origins.get(key, "default")

    def require(self, *names: str) -> None:
        """Refuse to go on without these settings.

        Raises:
            UsageError: No environment was chosen although the file has some (E412), or a setting
                has no value (E411).
        """
        if self.environments and not self.environment:
            self._require_choice(names)
        missing = [name for name in names if getattr(self, name) in ("", None)]
        if missing:
            raise UsageError("E411", "; ".join(self._missing(name) for name in missing))

    def _require_choice(self, names: tuple[str, ...]) -> None:
        """Let nobody reach the wrong project: what the file says holds in an environment only."""
        if not all(self.origin(name).startswith(("flag ", PREFIX)) for name in names):
            choices = ", ".join(self.environments)
            raise UsageError(
                "E412",
                f"{self.file} has environments; choose one with --env: {choices}",
            )

    def _missing(self, name: str) -> str:
        ways = [f"give {FLAGS[name]}"] if name in FLAGS else []
        ways.append(f"set {PREFIX}{name.upper()}")
        place = f"environments.{self.environment or 'NAME'}.{name}"
        ways.append(f"write {place} into {self.file or 'batchpredict.yaml'}")
        return f"{name} is not set: {' or '.join(ways)}"
