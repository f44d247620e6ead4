"""ANALYZE of both columns, the sealed one with its blind index."""

from measure import Result


def analyze(bench):
    values = bench.compare(lambda side: f"ANALYZE people_{side}", count=1)
    return Result("analyze", "ANALYZE", "ms", {side: [cost / 1000 for cost in costs] for side, costs in values.items()})


CASES = [analyze]
