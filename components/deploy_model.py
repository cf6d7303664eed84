"""Deploy a model version to an endpoint and see that it answers."""

from typing import NamedTuple

from google_cloud_pipeline_components.types.artifact_types import VertexModel
from google_cloud_pipeline_components.v1.endpoint import ModelDeployOp
from kfp import dsl

from batchpredict import placeholders
from batchpredict.components.find_or_create_endpoint import find_or_create_endpoint
from batchpredict.components.predict_once import predict_once


class Outputs(NamedTuple):
    """What the graph hands on."""

    endpoint: dsl.Artifact
    prediction: str


@dsl.pipeline(name="deploy-model")
def deploy_model(
    model: dsl.Input[VertexModel],
    instances: dsl.Input[dsl.Dataset],
    feature_columns: list,
    endpoint_display_name: str,
    deployed_model_display_name: str = "",
    traffic_split: dict = {"0": 100},
    dedicated_resources_machine_type: str = "n1-standard-2",
    dedicated_resources_min_replica_count: int = 1,
    dedicated_resources_max_replica_count: int = 1,
    service_account: str = "",
    project: str = placeholders.PROJECT,
    location: str = placeholders.LOCATION,
) -> Outputs:
    """Deploy with Google's ModelDeployOp to the endpoint of a name, made if there is none.

    Models that were deployed there before stay, without traffic, until somebody undeploys them.

    Args:
        model: The model version to deploy.
        instances: JSON Lines; the first one is sent as a test.
        feature_columns: Fields of an instance that the model gets, in this order.
        endpoint_display_name: Name of the endpoint: 1 to 128 letters, digits, spaces or
            ``._-()``.
        deployed_model_display_name: Name of the deployed model; the model's own by default.
        traffic_split: Share of the traffic in per cent by deployed model; "0" is the new one.
        dedicated_resources_machine_type: Machine of each replica.
        dedicated_resources_min_replica_count: Fewest replicas.
        dedicated_resources_max_replica_count: Most replicas.
        service_account: Account that the model's container runs as.
        project: Project of the endpoint; the pipeline run's own by default.
        location: Region of the endpoint; the pipeline run's own by default.

    Returns:
        endpoint: The endpoint that serves the model.
        prediction: What it answered to the test, as JSON.
    """
    found = find_or_create_endpoint(
        display_name=endpoint_display_name, project=project, location=location
    )
    found.set_caching_options(False)
    deployed = ModelDeployOp(
        model=model,
        endpoint=found.outputs["endpoint"],
        deployed_model_display_name=deployed_model_display_name,
        traffic_split=traffic_split,
        dedicated_resources_machine_type=dedicated_resources_machine_type,
        dedicated_resources_min_replica_count=dedicated_resources_min_replica_count,
        dedicated_resources_max_replica_count=dedicated_resources_max_replica_count,
        service_account=service_account,
    )
    deployed.set_caching_options(False)
    answered = predict_once(
        endpoint=found.outputs["endpoint"],
        instances=instances,
        feature_columns=feature_columns,
        gcp_resources=deployed.outputs["gcp_resources"],
    )
    answered.set_caching_options(False)
    return Outputs(endpoint=found.outputs["endpoint"], prediction=answered.outputs["prediction"])
