"""Shapley values: how much each player adds to what a coalition is worth.

With few players they are exact, with many they are means over random orders (Castro, Gómez and
Tejada, Polynomial calculation of the Shapley value based on sampling, 2009). Either way they add
up to the difference between all players and none.
"""

import itertools
import math
import random
import statistics
from collections.abc import Iterator, Mapping, Sequence

ALWAYS_EXACT = 4


class Shapley:
    """Which coalitions must be valued, and what follows from their values.

    A coalition is a number whose bits are its players.

    Args:
        players: Their number.
        paths: How many random orders to walk.
        seed: The same seed gives the same orders.

    Attributes:
        coalitions: Each coalition whose value is needed, once; the first is that of nobody, the
            last that of all.
    """

    def __init__(self, players: int, paths: int, seed: bytes) -> None:
        self.players = players
        self._everyone = (1 << players) - 1
        if players <= ALWAYS_EXACT or 1 << players <= paths * (players - 1) + 2:
            self._orders: list[Sequence[int]] = []
            self.coalitions: Sequence[int] = range(self._everyone + 1)
        else:
            chance = random.Random(seed)
            self._orders = [chance.sample(range(players), players) for _ in range(paths)]
            met = {mask for order in self._orders for mask in _walk(order)}
            self.coalitions = sorted(met | {0})

    def values(self, worth: Mapping[int, float]) -> tuple[list[float], float]:
        """Return the value of each player, and the mean standard error of these values.

        Args:
            worth: What each of ``coalitions`` is worth.
        """
        if not self._orders:
            return [self._exact(player, worth) for player in range(self.players)], 0.0
        gains: list[list[float]] = [[] for _ in range(self.players)]
        for order in self._orders:
            masks = [0, *_walk(order)]
            for player, (before, after) in zip(order, itertools.pairwise(masks), strict=True):
                gains[player].append(worth[after] - worth[before])
        values = [math.fsum(found) / len(found) for found in gains]
        return values, _standard_error(gains)

    def _exact(self, player: int, worth: Mapping[int, float]) -> float:
        bit, count = 1 << player, self.players
        shares = (
            (worth[others | bit] - worth[others])
            / (count * math.comb(count - 1, others.bit_count()))
            for others in self.coalitions
            if not others & bit
        )
        return math.fsum(shares)


def _walk(order: Sequence[int]) -> Iterator[int]:
    """Yield the coalitions that players form who come in this order."""
    return itertools.accumulate((1 << player for player in order), int.__or__)


def _standard_error(gains: Sequence[Sequence[float]]) -> float:
    """Return the root mean square of the standard errors of means; of one path none is known."""
    if len(gains[0]) < 2:
        return 0.0
    squares = [statistics.variance(found) / len(found) for found in gains]
    return math.sqrt(statistics.fmean(squares))
