"""Shapley values, exact and sampled, against their definition by all orders."""

import itertools
import math
import random
from collections.abc import Callable

import pytest

from batchpredict.local.vertex.batch.shapley import Shapley

Worth = Callable[[int], float]


def by_definition(players: int, worth: Worth) -> list[float]:
    """The mean gain of each player over all orders."""
    totals = [0.0] * players
    for order in itertools.permutations(range(players)):
        mask = 0
        for player in order:
            totals[player] += worth(mask | 1 << player) - worth(mask)
            mask |= 1 << player
    return [total / math.factorial(players) for total in totals]


def game(players: int) -> Worth:
    """A game with interactions of all kinds."""
    chance = random.Random(players)
    worths = [chance.uniform(-5, 5) for _ in range(1 << players)]
    return worths.__getitem__


def solved(players: int, paths: int, worth: Worth, seed: bytes = b"") -> tuple[list[float], float]:
    plan = Shapley(players, paths, seed)
    assert plan.coalitions[0] == 0
    assert plan.coalitions[-1] == (1 << players) - 1
    assert len(set(plan.coalitions)) == len(plan.coalitions)
    return plan.values({mask: worth(mask) for mask in plan.coalitions})


@pytest.mark.parametrize("players", [1, 2, 3, 4])
@pytest.mark.parametrize("paths", [1, 50])
def test_few_players_get_the_exact_values(players: int, paths: int) -> None:
    values, error = solved(players, paths, game(players))
    assert values == pytest.approx(by_definition(players, game(players)))
    assert error == 0


def test_the_exact_values_are_taken_when_they_cost_no_more() -> None:
    values, error = solved(6, 50, game(6))
    assert values == pytest.approx(by_definition(6, game(6)))
    assert error == 0


@pytest.mark.parametrize("paths", [1, 2, 10, 50])
@pytest.mark.parametrize("players", [9, 13])
def test_sampled_values_add_up_to_what_all_gain(players: int, paths: int) -> None:
    worth = game(players)
    values, error = solved(players, paths, worth)
    assert math.fsum(values) == pytest.approx(worth((1 << players) - 1) - worth(0))
    assert (error > 0) == (paths > 1)


def test_more_paths_come_nearer_to_the_exact_values() -> None:
    worth = game(8)
    wanted = by_definition(8, worth)

    def distance(paths: int) -> float:
        found = [solved(8, paths, worth, bytes([seed]))[0] for seed in range(30)]
        return math.fsum(math.dist(values, wanted) for values in found)

    assert distance(30) < distance(5) / 1.5


def test_the_error_tells_how_far_off_the_values_are() -> None:
    worth = game(8)
    wanted = by_definition(8, worth)
    squares, errors = [], []
    for seed in range(60):
        values, error = solved(8, 20, worth, bytes([seed]))
        squares.append(math.dist(values, wanted) ** 2 / 8)
        errors.append(error)
    assert math.sqrt(math.fsum(squares) / 60) == pytest.approx(math.fsum(errors) / 60, rel=0.2)


def test_a_sum_is_shared_as_it_is_added_up() -> None:
    gains = [float(2**player) for player in range(9)]

    def worth(mask: int) -> float:
        return 7 + math.fsum(gain for player, gain in enumerate(gains) if mask >> player & 1)

    values, error = solved(9, 10, worth)
    assert values == pytest.approx(gains)
    assert error == pytest.approx(0, abs=1e-9)


def test_a_seed_gives_the_same_orders_again() -> None:
    assert Shapley(20, 5, b"x").coalitions == Shapley(20, 5, b"x").coalitions
    assert Shapley(20, 5, b"x").coalitions != Shapley(20, 5, b"y").coalitions
