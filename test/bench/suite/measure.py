"""Numbers: measuring sides in turn, medians, spread, ratios and bars."""

import dataclasses
import statistics


def interleave(sides, rounds):
    """Measures each side once a round, who goes first changing from round to round, so that what disturbs the machine
    for a while disturbs all of them. `sides` maps names to functions that measure once and return the cost. One round
    before is not counted: caches fill, keys are derived."""
    names = list(sides)
    values = {name: [] for name in names}
    for measure_once in sides.values():
        measure_once()
    for turn in range(rounds):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            values[name].append(sides[name]())
    return values


def quantile(values, part):
    ordered = sorted(values)
    place = part * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def summary(values):
    return {"median": statistics.median(values), "lower_quartile": quantile(values, 0.25),
            "upper_quartile": quantile(values, 0.75), "measured": len(values)}


@dataclasses.dataclass
class Ratio:
    """Cost of `side` by cost of `beside`, with a bar where the project has set one."""

    side: str = "sealed"
    beside: str = "plain"
    at_most: float = None
    at_least: float = None


@dataclasses.dataclass
class Check:
    """A bar that is no plain ratio: a sentence, a value and the most it may be."""

    text: str
    value: float
    at_most: float
    unit: str = ""

    def is_met(self):
        return self.value <= self.at_most


@dataclasses.dataclass
class Result:
    """What a case measured: costs (less is better) of each side, in rounds that belong together."""

    name: str
    title: str
    unit: str
    values: dict
    ratios: list = dataclasses.field(default_factory=lambda: [Ratio()])
    checks: list = dataclasses.field(default_factory=list)
    notes: str = ""

    def median(self, side):
        return statistics.median(self.values[side])

    def summary(self, side):
        return summary(self.values[side])

    def ratio(self, ratio):
        """The ratio of each round; the median of these is the result. Of what was measured a different number of
        times there are no rounds, only medians."""
        costs, beside = self.values[ratio.side], self.values[ratio.beside]
        if len(costs) != len(beside):
            return summary([self.median(ratio.side) / self.median(ratio.beside)])
        return summary([a / b for a, b in zip(costs, beside)])

    def is_met(self, ratio):
        """None where there is no bar."""
        value = self.ratio(ratio)["median"]
        if ratio.at_most is not None:
            return value <= ratio.at_most
        return value >= ratio.at_least if ratio.at_least is not None else None
