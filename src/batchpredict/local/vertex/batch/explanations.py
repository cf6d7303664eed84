"""Explanations of predictions by sampled Shapley values, as an ``ExplanationSpec`` asks for them.

A value's part is what the served model's output gains when the value stands there instead of its
baseline. Sources: google/cloud/aiplatform/v1/explanation.proto, explanation_metadata.proto.
"""

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format

from batchpredict.local.network.rpcs import protobuf
from batchpredict.local.vertex.batch.features import (
    ExplainError,
    Features,
    Path,
    at,
    leaves,
    rebuilt,
)
from batchpredict.local.vertex.batch.shapley import Shapley
from batchpredict.local.vertex.errors import invalid, unimplemented

METADATA = "explanation_spec.metadata"
PARAMETERS = "explanation_spec.parameters"
METHOD = "sampled_shapley_attribution"
Predict = Callable[[Sequence[Any]], list[Any]]


def explanation_spec(job: Any, model: Any) -> Any:
    """Return what explains the predictions of ``job``; each field it lacks is the model's."""
    spec = types.ExplanationSpec()
    for name in ("parameters", "metadata"):
        owner = job.explanation_spec if name in job.explanation_spec else model.explanation_spec
        if name in owner:
            setattr(spec, name, getattr(owner, name))
    return spec


def check_explanations(job: Any, model: Any) -> None:
    """Refuse an explanation that the service refuses, or that is not given on this machine."""
    if not job.generate_explanation:
        if "explanation_spec" in job:
            raise invalid("explanation_spec needs generate_explanation")
        return
    if job.output_config.predictions_format == "csv":
        raise invalid("generate_explanation: predictions_format 'csv' holds no explanations")
    spec = explanation_spec(job, model)
    _check_parameters(spec.parameters)
    _check_metadata(spec.metadata)


def _check_parameters(parameters: Any) -> None:
    method = protobuf(parameters).WhichOneof("method")
    if method is None:
        raise invalid(f"generate_explanation: {PARAMETERS} of the job or the model must be set")
    if method == "examples":
        raise invalid(f"{PARAMETERS}.examples: batch prediction does not explain by examples")
    if method != METHOD:
        raise unimplemented(f"{PARAMETERS}.{method}")
    if not 1 <= parameters.sampled_shapley_attribution.path_count <= 50:
        raise invalid(f"{PARAMETERS}.{METHOD}.path_count must be 1 to 50")
    if parameters.top_k < -1:
        raise invalid(f"{PARAMETERS}.top_k must be -1 or more")


def _check_metadata(metadata: Any) -> None:
    if not metadata.inputs:
        raise invalid(f"{METADATA}.inputs must name the features")
    if len(metadata.outputs) != 1:
        raise invalid(f"{METADATA}.outputs must name one output")
    encodings = types.ExplanationMetadata.InputMetadata.Encoding
    for name, feature in metadata.inputs.items():
        where = f"{METADATA}.inputs[{name!r}]"
        if feature.encoding > encodings.BAG_OF_FEATURES:
            raise unimplemented(f"{where}.encoding {encodings(feature.encoding).name}")
        if feature.encoding == encodings.BAG_OF_FEATURES and not feature.index_feature_mapping:
            raise invalid(f"{where}.index_feature_mapping must be set")
    if len({len(it.input_baselines) for it in metadata.inputs.values()} - {0, 1}) > 1:
        raise invalid(f"{METADATA}.inputs: each feature needs as many input_baselines, or one")


class Explainer:
    """Explains predictions.

    Args:
        spec: What :func:`explanation_spec` returned.
        predict: Asks the model; raises ``ExplainError`` when it refuses.
    """

    def __init__(self, spec: Any, predict: Predict) -> None:
        self._predict = predict
        self._paths = spec.parameters.sampled_shapley_attribution.path_count
        self._features = Features(spec.metadata.inputs)
        self._output = Output(spec)

    def explain(self, instance: Any, prediction: Any) -> str:
        """Return the JSON of an ``Explanation``.

        Args:
            instance: What the model got.
            prediction: What it said.

        Raises:
            ExplainError: The instance or the prediction is not what the spec describes.
        """
        wanted = self._output.choose(prediction)
        players = self._features.players(instance)
        seed = hashlib.sha256(json.dumps(instance, sort_keys=True).encode()).digest()
        game = Shapley(len(players), self._paths, seed)
        rounds = []
        for number in range(self._features.rounds):
            baselines = self._features.baselines(instance, players, number)
            asked = [_without(instance, baselines, mask) for mask in game.coalitions]
            rounds.append(dict(zip(game.coalitions, self._predict(asked), strict=True)))
        attributions = []
        for index in wanted:
            found, parts = self._attribution(game, rounds, index)
            found["featureAttributions"] = self._features.named(instance, players, parts)
            attributions.append(found | self._output.described(index, prediction))
        return _as_message(attributions)

    def _attribution(
        self, game: Shapley, rounds: Sequence[Mapping[int, Any]], index: Path
    ) -> tuple[dict[str, Any], list[float]]:
        """Return the numbers of one output, and the part of each player."""
        worths = [
            {mask: self._output.value(said, index) for mask, said in predictions.items()}
            for predictions in rounds
        ]
        values, errors = zip(*map(game.values, worths), strict=True)
        parts = [_mean(column) for column in zip(*values, strict=True)]
        baseline = _mean([worth[0] for worth in worths])
        whole = worths[0][game.coalitions[-1]]
        error = _mean(errors) / (abs(whole - baseline) or 1.0)
        numbers = {
            "baselineOutputValue": baseline,
            "instanceOutputValue": whole,
            "approximationError": error,
        }
        return numbers, parts


def _without(instance: Any, baselines: Sequence[Mapping[Path, Any]], mask: int) -> Any:
    """Return the instance with the values of a coalition alone, the others at their baselines."""
    absent = [it for player, it in enumerate(baselines) if not mask >> player & 1]
    return rebuilt(instance, {path: value for it in absent for path, value in it.items()})


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _as_message(attributions: Sequence[Mapping[str, Any]]) -> str:
    """Return the JSON of an explanation, as the published message has it."""
    message = protobuf(types.Explanation())
    json_format.ParseDict({"attributions": attributions}, message)
    content = json_format.MessageToDict(message)
    for shown, given in zip(content["attributions"], attributions, strict=True):
        shown["featureAttributions"] = given["featureAttributions"]  # the message has no order
    return json.dumps(content)


class Output:
    """The output that is explained, as ``ExplanationMetadata.outputs`` names it."""

    def __init__(self, spec: Any) -> None:
        content = json_format.MessageToDict(protobuf(spec))
        [(self._name, entry)] = content["metadata"]["outputs"].items()
        self._display_names = entry.get("indexDisplayNameMapping")
        self._display_key = entry.get("displayNameMappingKey")
        self._indices = content["parameters"].get("outputIndices", [])
        self._top = content["parameters"].get("topK", 0)

    def _of(self, prediction: Any) -> Any:
        return at(prediction, (self._name,)) if isinstance(prediction, dict) else prediction

    def value(self, prediction: Any, index: Path) -> float:
        """Return one number of a prediction."""
        found = at(self._of(prediction), index)
        if not isinstance(found, int | float) or not math.isfinite(found):
            raise ExplainError(f"the output {self._name!r} is not a number: {str(found)[:100]!r}")
        return float(found)

    def choose(self, prediction: Any) -> list[Path]:
        """Return which numbers of a prediction are explained: by default the greatest one."""
        if self._indices and isinstance(self._of(prediction), list):
            return [tuple(map(int, it if isinstance(it, list) else [it])) for it in self._indices]
        found = list(leaves(self._of(prediction)))
        found.sort(key=lambda index: -self.value(prediction, index))
        return found if self._top == -1 else found[: self._top or 1]

    def described(self, index: Path, prediction: Any) -> dict[str, Any]:
        """Return what says which number was explained."""
        found: dict[str, Any] = {"outputName": self._name, "outputIndex": list(index)}
        if self._display_names is not None:
            found["outputDisplayName"] = str(at(self._display_names, index))
        elif self._display_key:
            found["outputDisplayName"] = str(at(prediction, (self._display_key, *index)))
        return found
