"""Ask an endpoint for one prediction."""

from typing import NamedTuple

from kfp import dsl

from batchpredict import images
from batchpredict.carrying import carried
from batchpredict.runtime.smoke import (
    first_instance,
    smoke_predict,
)


@dsl.component(
    base_image=images.PYTHON,
    packages_to_install=[images.GOOGLE_AUTH, images.REQUESTS],
    additional_funcs=carried(first_instance, smoke_predict),
)
def predict_once(
    endpoint: dsl.Input[dsl.Artifact],
    instances: dsl.Input[dsl.Dataset],
    feature_columns: list,
    gcp_resources: str = "",
) -> NamedTuple("Outputs", [("prediction", str), ("deployed_model_id", str)]):
    """Send the first instance of a file to an endpoint, to see that what was deployed answers.

    Args:
        endpoint: The endpoint.
        instances: JSON Lines with one object for each instance.
        feature_columns: Fields that the model gets, in this order.
        gcp_resources: Output of the deployment; it is not read, it makes this step come after.

    Returns:
        prediction: The prediction as JSON.
        deployed_model_id: Which deployed model answered.
    """
    import logging

    logging.info("after %s", gcp_resources)
    values = first_instance(instances.path, feature_columns)
    prediction, deployed_model_id = smoke_predict(endpoint.metadata["resourceName"], values)
    return (prediction, deployed_model_id)
