"""Cost of a row while the table grows: load, index build, scan and lookup, both sides in turn at each size."""

from measure import Ratio, Result

from bench import people

BAR = 1.10
FROM = 100_000


def name_of(side, rows):
    return f"{side}, {rows:,} rows"


class Growth:
    def __init__(self, bench):
        self.bench = bench
        self.values = {kind: {} for kind in ("load", "index", "scan", "lookup")}

    def note(self, kind, side, rows, cost):
        self.values[kind].setdefault(name_of(side, rows), []).append(cost)

    def load(self, side, rows):
        self.bench.make_table(f"growth_{side}", side)
        cost = self.bench.microseconds_each(f"INSERT INTO growth_{side} {people(rows)}", rows)
        self.note("load", side, rows, cost)
        # The log of what was loaded would fill the disk.
        self.bench.run(f"VACUUM (FREEZE, ANALYZE) growth_{side}; CHECKPOINT")

    def index(self, side, rows):
        column = "ssn" if side == "plain" else "pii_blind_index(ssn)"
        self.note("index", side, rows,
                  self.bench.microseconds_each(f"CREATE INDEX ON growth_{side} ({column})", rows))

    def scan(self, side, rows):
        column = "ssn" if side == "plain" else "pii_reveal(ssn)"
        self.note("scan", side, rows,
                  self.bench.microseconds_each(f"SELECT count({column}) FROM growth_{side}", rows))

    def lookup(self, rows):
        scripts = {side: f"\\set n 100000000 + 800 * random(1, {rows})\nSELECT id FROM growth_{side} WHERE ssn = :n;\n"
                   for side in ("plain", "sealed")}
        for side, mean in self.bench.server.mean_latencies(scripts, seconds=self.bench.sizes.seconds).items():
            self.note("lookup", side, rows, mean)

    def measure(self, rows, readings):
        for side in ("plain", "sealed"):
            self.load(side, rows)
            self.index(side, rows)
        for _ in range(readings):
            for side in ("plain", "sealed"):
                self.scan(side, rows)
            self.lookup(rows)


def ratios(kind, sizes):
    """Beside plain text at each size, and the largest beside FROM rows, for plain text too: caches fill for both."""
    found = [Ratio(name_of("sealed", rows), name_of("plain", rows)) for rows in sizes]
    if sizes[-1] > FROM:
        # A B-tree grows by a level now and then, and a sort takes n log n.
        bar = BAR if kind in ("load", "scan") else None
        found.append(Ratio(name_of("sealed", sizes[-1]), name_of("sealed", FROM), at_most=bar))
        found.append(Ratio(name_of("plain", sizes[-1]), name_of("plain", FROM)))
    return found


def growth(bench):
    grown = Growth(bench)
    sizes = bench.sizes.growth
    for rows in sizes:
        # A small table is made anew for each round, which takes no time; a large one is read three times.
        if rows <= FROM:
            for _ in range(3):
                grown.measure(rows, readings=1)
        else:
            grown.measure(rows, readings=3)
    bench.run("DROP TABLE growth_plain; DROP TABLE growth_sealed")
    return [Result(f"growth_{kind}", f"growth: {kind}", "µs a query" if kind == "lookup" else "µs a row", values,
                   ratios(kind, sizes)) for kind, values in grown.values.items()]


CASES = [growth]
