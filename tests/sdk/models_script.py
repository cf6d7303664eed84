"""Versions, aliases, updates and traffic as a user of Google's SDK writes them; prints JSON.

usage: models_script.py TRANSPORT ARTIFACT_URI IMAGE
"""

import json
import logging
import sys
import warnings
from collections import Counter
from typing import Any

warnings.simplefilter("ignore")
from google.cloud import aiplatform  # noqa: E402


def main(transport: str, artifact_uri: str, image: str) -> None:
    logging.disable(logging.CRITICAL)
    options: Any = {} if transport == "grpc" else {"api_transport": transport}
    aiplatform.init(project="local-project", location="us-central1", **options)
    upload = {"artifact_uri": artifact_uri, "serving_container_image_uri": image}
    seen = {**versions(upload, f"sdk-models-{transport}"), **traffic(upload)}
    print(json.dumps(seen))


def versions(upload: dict[str, Any], model_id: str) -> dict[str, Any]:
    """Follow Google's own system test of its model registry."""
    given = ["system-test-model", "testing"]
    first: Any = aiplatform.Model.upload(model_id=model_id, version_aliases=given, **upload)
    second: Any = aiplatform.Model.upload(
        parent_model=model_id, is_default_version=False, **upload
    )
    registry = second.versioning_registry
    info, listed = registry.get_version_info("testing"), registry.list_versions()
    seen: dict[str, Any] = {
        "given": first.version_aliases == [*given] and "default" in given,
        "second": [second.version_id, second.resource_name == first.resource_name],
        "second_aliases": list(second.version_aliases),
        "listed": [it.version_id for it in listed],
        "info": info == listed[0] and info.model_display_name == first.display_name,
        "clone": registry.get_model().versioned_resource_name == first.versioned_resource_name,
    }
    registry.add_version_aliases(["new-alias"], "default")
    registry.remove_version_aliases(["testing"], "new-alias")
    seen["aliases"] = list(registry.get_model("new-alias").version_aliases)
    registry.update_version("2", version_description="better", labels={"v": "2"})
    renamed = first.update(display_name="renamed", description="said", labels={"team": "x"})
    changed = registry.get_model("2")
    seen["updated"] = [renamed.display_name, changed.version_description, dict(changed.labels)]
    seen["filtered"] = [it.version_id for it in registry.list_versions(filter="labels.v=2")]
    registry.delete_version("2")
    seen["left"] = [it.version_id for it in registry.list_versions()]
    found = aiplatform.Model.list(filter=f"model={model_id} AND labels.team:*")
    seen["found"] = [it.resource_name == first.resource_name for it in found]
    first.delete()
    return seen


def traffic(upload: dict[str, Any]) -> dict[str, Any]:
    """Deploy one model twice, share out the traffic, and clean up."""
    model: Any = aiplatform.Model.upload(display_name="twice", **upload)
    endpoint: Any = aiplatform.Endpoint.create(display_name="two", labels={"a": "b"})
    for title, share in (("blue", 100), ("green", 25)):
        model.deploy(
            endpoint=endpoint,
            deployed_model_display_name=title,
            machine_type="n1-standard-2",
            traffic_percentage=share,
        )
    names = {it.id: it.display_name for it in endpoint.list_models()}
    before = Counter(names[it] for it in asked(endpoint, 8))
    by_name = {title: identifier for identifier, title in names.items()}
    endpoint.update(
        display_name="changed", traffic_split={by_name["blue"]: 50, by_name["green"]: 50}
    )
    after = Counter(names[it] for it in asked(endpoint, 8))
    endpoint.undeploy(by_name["blue"], traffic_split={by_name["green"]: 100})
    seen = {
        "before": before,
        "after": after,
        "endpoint": [endpoint.display_name, len(endpoint.list_models())],
        "endpoints": len(aiplatform.Endpoint.list(filter="display_name=changed AND labels.a=b")),
    }
    endpoint.delete(force=True)
    model.delete()
    return seen


def asked(endpoint: Any, times: int) -> list[str]:
    return [endpoint.predict(instances=[[1.0]]).deployed_model_id for _ in range(times)]


if __name__ == "__main__":
    main(*sys.argv[1:])
