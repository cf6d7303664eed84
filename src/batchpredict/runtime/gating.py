"""A decision on a model, with its reason."""


def judge(scores: dict[str, float], metric: str, threshold: float) -> tuple[str, str]:
    """Compare one score with a threshold.

    Args:
        scores: Scores by metric.
        metric: The metric; ``auto`` takes accuracy, or r2 of a regression.
        threshold: What the score must reach, or for a loss or an error must not exceed.

    Returns:
        ``pass`` or ``fail``, and the reason as a sentence.

    Raises:
        ValueError: E241, the metric is not among the scores or is not a finite number.
    """
    import math

    wanted = metric
    if metric == "auto":
        metric = "accuracy" if "accuracy" in scores else "r2"
    score = scores.get(metric)
    if isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score):
        there = ", ".join(sorted(scores)) or "no metrics at all"
        name = "auto (accuracy or r2)" if wanted == "auto" else f"'{metric}'"
        raise ValueError(f"E241 there is no metric {name} in the scores; they hold {there}")
    low = metric in ("log_loss", "mae", "rmse", "median_absolute_error")
    passed = score <= threshold if low else score >= threshold
    bound = "at most" if low else "at least"
    verb = "meets" if passed else "does not meet"
    close = f"{score:.6g}" == f"{threshold:.6g}"
    shown, limit = (f"{n}" if close else f"{n:.6g}" for n in (score, threshold))
    reason = f"The {metric} of {shown} {verb} the threshold of {bound} {limit}."
    return ("pass" if passed else "fail"), reason
