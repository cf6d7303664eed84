"""Place boxes in layers, so that whatever takes stands below what it takes from.

An arrow runs between layers only, and past a layer in a lane of its own: it never crosses a box.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

GAP = 28.0  # between neighbours
LAYER_GAP = 44.0
LANE = 10.0  # width of an arrow on its way past a layer
SWEEPS = 8
PORT_GAP = 16.0

Size = tuple[float, float]
Route = list[tuple[float, float, float]]  # an x, and the y from and to which it is straight


@dataclass(frozen=True)
class Arrangement:
    """Where everything is.

    Attributes:
        width: Of the whole.
        height: Of the whole.
        corners: The upper left corner of each box.
        routes: The way of each arrow, in the order in which they were given.
    """

    width: float
    height: float
    corners: Mapping[str, tuple[float, float]]
    routes: Sequence[Route]


@dataclass
class _Item:
    """A box, or the lane of an arrow, in one layer; ``x`` is its middle."""

    width: float
    height: float
    layer: int
    x: float = 0.0
    above: list["_Item"] = field(default_factory=list)
    below: list["_Item"] = field(default_factory=list)


def arrange(sizes: Mapping[str, Size], arrows: Sequence[tuple[str, str]]) -> Arrangement:
    """Return a place for each box and a way for each arrow.

    Args:
        sizes: Width and height of each box; one comes after those that lead to it.
        arrows: From where to where; one that leads back is left out.
    """
    ranks = _ranks(list(sizes), arrows)
    boxes = {name: _Item(*size, ranks[name]) for name, size in sizes.items()}
    items = list(boxes.values())
    chains = [_chain(boxes[source], boxes[target], items) for source, target in arrows]
    layers: list[list[_Item]] = [[] for _ in range(max(ranks.values(), default=-1) + 1)]
    for item in items:
        layers[item.layer].append(item)
    _settle(layers)
    tops, bottoms, height = _heights(layers)
    left = min((it.x - it.width / 2 for it in items), default=0.0)
    for item in items:
        item.x -= left
    corners = {name: (it.x - it.width / 2, tops[it.layer]) for name, it in boxes.items()}
    routes = [_route(chain, tops, bottoms) for chain in chains]
    width = max((it.x + it.width / 2 for it in items), default=0.0)
    return Arrangement(width, height, corners, routes)


def _ranks(names: Sequence[str], arrows: Sequence[tuple[str, str]]) -> dict[str, int]:
    place = {name: number for number, name in enumerate(names)}
    taken: dict[str, list[str]] = {name: [] for name in names}
    for source, target in arrows:
        if place[source] < place[target]:
            taken[target].append(source)
    ranks: dict[str, int] = {}
    for name in names:
        ranks[name] = max((ranks[source] + 1 for source in taken[name]), default=0)
    return ranks


def _chain(source: _Item, target: _Item, items: list[_Item]) -> list[_Item]:
    """Return the items that an arrow passes, with a new lane in each layer between."""
    if source.layer >= target.layer:
        return []
    lanes = [_Item(LANE, 0.0, layer) for layer in range(source.layer + 1, target.layer)]
    items += lanes
    chain = [source, *lanes, target]
    for upper, lower in pairwise(chain):
        upper.below.append(lower)
        lower.above.append(upper)
    return chain


def _settle(layers: list[list[_Item]]) -> None:
    """Order each layer by its neighbours, and move each item towards the middle of them."""
    for layer in layers:
        _spread(layer, [0.0] * len(layer))
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for layer in layers if down else reversed(layers):
            wanted = {id(it): _middle(it.above if down else it.below, it.x) for it in layer}
            if sweep < SWEEPS // 2:
                layer.sort(key=lambda it: wanted[id(it)])
            _spread(layer, [wanted[id(it)] for it in layer])


def _middle(neighbours: Sequence[_Item], otherwise: float) -> float:
    return sum(it.x for it in neighbours) / len(neighbours) if neighbours else otherwise


def _spread(layer: Sequence[_Item], wanted: Sequence[float]) -> None:
    """Put the items of a layer near where they are wanted, in order and clear of each other."""
    rightwards = _pushed(layer, wanted)
    leftwards = [-x for x in reversed(_pushed(layer[::-1], [-x for x in reversed(wanted)]))]
    for item, one, other in zip(layer, rightwards, leftwards, strict=True):
        item.x = (one + other) / 2


def _pushed(layer: Sequence[_Item], wanted: Sequence[float]) -> list[float]:
    places: list[float] = []
    for number, (item, x) in enumerate(zip(layer, wanted, strict=True)):
        if number:
            before = layer[number - 1]
            x = max(x, places[-1] + (before.width + item.width) / 2 + GAP)
        places.append(x)
    return places


def _heights(layers: Sequence[Sequence[_Item]]) -> tuple[list[float], list[float], float]:
    tops, bottoms, y = [], [], 0.0
    for layer in layers:
        tops.append(y)
        bottoms.append(y + max(it.height for it in layer))
        y = bottoms[-1] + LAYER_GAP
    return tops, bottoms, y - LAYER_GAP if layers else 0.0


def _route(chain: Sequence[_Item], tops: Sequence[float], bottoms: Sequence[float]) -> Route:
    """Return the way of an arrow: straight down past each layer, bent only between layers."""
    if not chain:
        return []
    source, *lanes, target = chain
    start = _port(source, source.below, chain[1])
    end = _port(target, target.above, chain[-2])
    way = [(start, tops[source.layer] + source.height, bottoms[source.layer])]
    way += [(lane.x, tops[lane.layer], bottoms[lane.layer]) for lane in lanes]
    return [*way, (end, tops[target.layer], tops[target.layer])]


def _port(item: _Item, neighbours: Sequence[_Item], other: _Item) -> float:
    """Return where on the border of a box an arrow starts or ends."""
    ordered = sorted(neighbours, key=lambda it: it.x)
    number = next(n for n, it in enumerate(ordered) if it is other)
    step = min(PORT_GAP, item.width * 0.8 / len(ordered))
    return item.x + (number - (len(ordered) - 1) / 2) * step
