"""The form of a configuration file, from which its JSON Schema is made."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Text = Annotated[str, StringConstraints(max_length=1024)]
Project = Annotated[str, StringConstraints(pattern=r"^([a-z0-9.:-]{1,80})?$")]
Location = Annotated[str, StringConstraints(pattern=r"^([a-z]+-[a-z]+[0-9]{1,2})?$")]
Bucket = Annotated[str, StringConstraints(pattern=r"^(gs://[a-z0-9][a-z0-9._-]+(/\S*)?)?$")]
Account = Annotated[str, StringConstraints(pattern=r"^([^@\s]+@[^@\s]+)?$")]
Network = Annotated[
    str, StringConstraints(pattern=r"^(projects/[^/\s]+/global/networks/[^/\s]+)?$")
]
Key = Annotated[
    str,
    StringConstraints(
        pattern=r"^(projects/[^/\s]+/locations/[^/\s]+/keyRings/[^/\s]+/cryptoKeys/[^/\s]+)?$"
    ),
]
LabelKey = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
LabelValue = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{0,63}$")]
CLOSED: dict[str, Any] = {"additionalProperties": False}  # keys of another form are refused


class Environment(BaseModel):
    """Where and how the pipelines of a project run."""

    model_config = ConfigDict(extra="forbid", strict=True)

    project: Project = Field(
        default="", description="The Google Cloud project, by its id or number."
    )
    location: Location = Field(default="", description="The region, such as europe-west4.")
    pipeline_root: Bucket = Field(
        default="", description="Where runs write, such as gs://BUCKET/runs."
    )
    service_account: Account = Field(default="", description="The account that the steps act as.")
    network: Network = Field(default="", description="A network that is peered with Google's.")
    encryption_key: Key = Field(default="", description="A key of Cloud KMS, in the same region.")
    labels: dict[LabelKey, LabelValue] = Field(
        default={}, description="Labels of every run.", json_schema_extra=CLOSED
    )
    enable_caching: bool | None = Field(
        default=None, description="Whether steps may be taken from the cache; unset: as compiled."
    )
    failure_policy: Literal["", "slow", "fast"] = Field(
        default="",
        description="After a failed step: slow ends what can still run, fast starts no more.",
    )
    parameters: dict[Text, dict[Text, Any]] = Field(
        default={}, description="Values of parameters, by pipeline and by parameter."
    )


class Configuration(BaseModel):
    """The configuration of a project that uses batchpredict."""

    model_config = ConfigDict(extra="forbid", strict=True, title="batchpredict configuration")

    schema_: Text = Field(
        default="", alias="$schema", description="For editors; nothing is fetched."
    )
    sources: Text = Field(default="", description="Folder of your own pipelines in Python.")
    compiled: Text = Field(default="", description="Folder of your own compiled pipelines.")
    defaults: Environment = Field(
        default_factory=Environment, description="What holds in every environment."
    )
    environments: dict[
        Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]{1,63}$")], Environment
    ] = Field(
        default={},
        description="By name; none is taken unless it is asked for.",
        json_schema_extra=CLOSED,
    )


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a configuration file."""
    made = Configuration.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def schema_text() -> str:
    """Return the JSON Schema as the file that is published."""
    return json.dumps(schema(), indent=2) + "\n"
