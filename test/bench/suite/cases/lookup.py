"""Point lookup: a sealed column with a blind index beside plain text with a B-tree, pgbench -M prepared."""

from measure import Ratio, Result, interleave

from bench import ssn

SIDES = ("plain", "sealed")
# At least 0.97 of the transactions a second.
BAR = 1 / 0.97


def script(bench, side, columns):
    return (f"\\set person random(1, {bench.sizes.rows})\n\\set n {ssn(':person')}\n"
            f"SELECT {columns} FROM people_{side} WHERE ssn = :n;\n")


def require_index(bench):
    for side in SIDES:
        bench.require_plan(f"SELECT id FROM people_{side} WHERE ssn = '123456800'", "Index")


def one_client(bench, name, title, columns):
    require_index(bench)
    scripts = {side: script(bench, side, columns) for side in SIDES}
    values = {side: [] for side in SIDES}
    for _ in range(bench.sizes.rounds):
        for side, mean in bench.server.mean_latencies(scripts, seconds=bench.sizes.seconds).items():
            values[side].append(mean)
    return Result(name, title, "µs a query", values)


def lookup_1(bench):
    return one_client(bench, "lookup_1", "lookup by ssn, 1 client", "id")


def lookup_1_reveal(bench):
    return one_client(bench, "lookup_1_reveal", "lookup by ssn, reading the row, 1 client", "*")


def lookup_8(bench):
    """Clients of both sides at once would slow each other down; so the sides take slices in turn."""
    require_index(bench)
    values = interleave({side: lambda side=side: bench.server.microseconds_per_transaction(
        f"lookup_{side}", script(bench, side, "id"), clients=8, seconds=bench.sizes.seconds) for side in SIDES},
        bench.sizes.rounds)
    return Result("lookup_8", "lookup by ssn, 8 clients", "µs a query", values, [Ratio(at_most=BAR)],
                  notes="inverse of the transactions a second of all clients")


CASES = [lookup_1, lookup_1_reveal, lookup_8]
