"""A decision on a model, with its reason."""

from typing import NamedTuple

from kfp import dsl

from batchpredict import images
from batchpredict.carrying import carried
from batchpredict.runtime.gating import judge


@dsl.component(base_image=images.PYTHON, additional_funcs=carried(judge))
def gate(
    scores: dict,
    metric: str = "auto",
    threshold: float = 0.8,
) -> NamedTuple("Outputs", [("decision", str), ("reason", str)]):
    """Decide by one score whether the pipeline goes on.

    Args:
        scores: Scores by metric, as evaluate_predictions returns them.
        metric: The metric to decide by; auto takes accuracy, or r2 of a regression.
        threshold: The value that decides. The score must be at least this; log_loss, mae, rmse and
            median_absolute_error must be at most this.

    Returns:
        decision: "pass" or "fail", for dsl.If.
        reason: A sentence with the score and the threshold.
    """
    import logging
    from collections import namedtuple

    decision, reason = judge(scores, metric, threshold)
    logging.info("%s: %s", decision, reason)
    return namedtuple("Outputs", "decision reason")(decision, reason)
