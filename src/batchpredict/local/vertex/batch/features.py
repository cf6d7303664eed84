"""The features of an instance that is explained: its values, their baselines, their names.

A feature of an object is one of its fields; any other instance is one feature as a whole. Each
single value in it plays for itself, unless features are grouped.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format

from batchpredict.local.network.rpcs import protobuf
from batchpredict.local.vertex.errors import unimplemented

MOST_PLAYERS = 1000
Path = tuple[Any, ...]


class ExplainError(Exception):
    """An instance or a prediction cannot be explained; the message says why."""


@dataclass(frozen=True)
class Player:
    """Values that come and go together.

    Attributes:
        feature: The name of the feature.
        paths: Where the values stand in the instance.
    """

    feature: str
    paths: Sequence[Path]


class Features:
    """What ``ExplanationMetadata.inputs`` says.

    Args:
        inputs: The entries by feature.

    Attributes:
        rounds: How many baselines there are to average over.
    """

    def __init__(self, inputs: Mapping[str, Any]) -> None:
        # In order: a map of a message has none, and chance deals by the players' numbers.
        self._inputs = {
            name: json_format.MessageToDict(protobuf(inputs[name])) for name in sorted(inputs)
        }
        self.rounds = max(len(it.get("inputBaselines", [0])) for it in self._inputs.values())

    def players(self, instance: Any) -> list[Player]:
        """Return who plays for the prediction of ``instance``.

        Raises:
            ExplainError: It does not have these features.
            ServiceError: UNIMPLEMENTED, there are too many.
        """
        found: dict[Any, list[Path]] = {}
        owners: dict[Any, str] = {}
        for path, name in self._values(instance):
            key = self._inputs[name].get("groupName", path)
            found.setdefault(key, []).append(path)
            owners.setdefault(key, name)
        if len(found) > MOST_PLAYERS:
            raise unimplemented(f"explaining {len(found)} values, more than {MOST_PLAYERS},")
        return [Player(owners[key], paths) for key, paths in found.items()]

    def _values(self, instance: Any) -> Iterator[tuple[Path, str]]:
        """Yield where each value stands that is explained, and the name of its feature."""
        if isinstance(instance, dict):
            for name in self._inputs:
                if name not in instance:
                    raise ExplainError(f"the instance has no field {name!r}")
                yield from (((name, *path), name) for path in leaves(instance[name]))
            return
        if len(self._inputs) > 1:
            raise ExplainError("an instance that is no object is one feature, not several")
        [name] = self._inputs
        yield from ((path, name) for path in leaves(instance))

    def baselines(self, instance: Any, players: Sequence[Player], number: int) -> list[Any]:
        """Return for each player its paths with the values of one of the baselines."""
        return [
            {path: self._baseline(instance, player.feature, path, number) for path in player.paths}
            for player in players
        ]

    def _baseline(self, instance: Any, feature: str, path: Path, number: int) -> Any:
        owner = path[0] if isinstance(instance, dict) else feature
        known = self._inputs[owner].get("inputBaselines")
        if not known:
            return type(at(instance, path))()  # 0, "", False: the zero of its kind
        value = known[number % len(known)]
        for step in path[1:] if isinstance(instance, dict) else path:
            if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
                value = value[0]  # a matrix of one row, as the prebuilt containers take
            if not isinstance(value, dict | list):
                break  # one value for all
            value = at(value, (step,))
        return value

    def named(
        self, instance: Any, players: Sequence[Player], parts: Sequence[float]
    ) -> dict[str, Any]:
        """Return the parts by feature, each in the shape of the feature's value."""
        own = {path: part for it, part in zip(players, parts, strict=True) for path in it.paths}
        shaped = rebuilt(instance, own)
        found: dict[str, Any] = {}
        for player, part in zip(players, parts, strict=True):
            entry = self._inputs[player.feature]
            if group := entry.get("groupName"):
                found[group] = part
                continue
            value = shaped[player.feature] if isinstance(instance, dict) else shaped
            names = entry.get("indexFeatureMapping")
            found |= _by_name(names, value) if names else {player.feature: value}
        return found


def _by_name(names: Sequence[str], values: Any) -> dict[str, Any]:
    if not isinstance(values, list) or len(values) != len(names):
        raise ExplainError(f"a bag of {len(names)} features is a list of as many values")
    return dict(zip(names, values, strict=True))


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path of each value that is neither an object nor a list."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))
    else:
        yield path


def at(value: Any, path: Path) -> Any:
    """Return the value at a path.

    Raises:
        ExplainError: There is none.
    """
    try:
        for step in path:
            value = value[step]
    except (KeyError, IndexError, TypeError):
        raise ExplainError(f"there is no value at {list(path)}") from None
    return value


def rebuilt(value: Any, changes: Mapping[Path, Any], path: Path = ()) -> Any:
    """Return ``value`` with other values at some paths."""
    if isinstance(value, dict):
        return {name: rebuilt(it, changes, (*path, name)) for name, it in value.items()}
    if isinstance(value, list):
        return [rebuilt(it, changes, (*path, index)) for index, it in enumerate(value)]
    return changes.get(path, value)
