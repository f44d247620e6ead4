"""Cost of a row while the table grows: load, index build, scan and lookup. The tables of all sizes lie side by side, and
are read in turn; so that what disturbs the machine for a while disturbs all sizes."""

from measure import Ratio, Result

from bench import SIDES, people, ssn

BAR = 1.10
FROM = 100_000
READINGS = 3


def name_of(side, rows):
    return f"{side}, {rows:,} rows"


class Growth:
    def __init__(self, bench):
        self.bench = bench
        self.values = {kind: {} for kind in ("load", "index", "scan", "lookup")}

    def note(self, kind, side, rows, cost):
        self.values[kind].setdefault(name_of(side, rows), []).append(cost)

    def note_time(self, kind, side, rows, sql):
        self.note(kind, side, rows, self.bench.microseconds_each(sql, rows))

    def load(self, rows):
        for side, column in (("plain", "ssn"), ("sealed", "pii_blind_index(ssn)")):
            table = f"growth_{side}_{rows}"
            self.bench.make_table(table, side)
            self.note_time("load", side, rows, f"INSERT INTO {table} {people(rows)}")
            # The log of what was loaded would fill the disk.
            self.bench.run(f"VACUUM (FREEZE, ANALYZE) {table}; CHECKPOINT")
            self.note_time("index", side, rows, f"CREATE INDEX ON {table} ({column})")

    def scan(self, rows):
        for side, column in (("plain", "ssn"), ("sealed", "pii_reveal(ssn)")):
            self.note_time("scan", side, rows, f"SELECT count({column}) FROM growth_{side}_{rows}")

    def lookup(self, rows):
        scripts = {side: f"\\set person random(1, {rows})\n\\set n {ssn(':person')}\n"
                         f"SELECT id FROM growth_{side}_{rows} WHERE ssn = :n;\n" for side in SIDES}
        for side, mean in self.bench.server.mean_latencies(scripts, seconds=self.bench.sizes.seconds).items():
            self.note("lookup", side, rows, mean)

    def drop(self, sizes):
        for rows in sizes:
            for side in SIDES:
                self.bench.run(f"DROP TABLE growth_{side}_{rows}")


def ratios(kind, sizes):
    """Beside plain text at each size, and the largest beside FROM rows, for plain text too: caches fill for both."""
    found = [Ratio(name_of("sealed", rows), name_of("plain", rows)) for rows in sizes]
    # A B-tree grows by a level now and then, and a sort takes n log n.
    bar = BAR if kind in ("load", "scan") else None
    found.append(Ratio(name_of("sealed", sizes[-1]), name_of("sealed", FROM), at_most=bar))
    found.append(Ratio(name_of("plain", sizes[-1]), name_of("plain", FROM)))
    return found


def growth(bench):
    grown = Growth(bench)
    sizes = bench.sizes.growth
    small = [rows for rows in sizes if rows <= FROM]
    # What is quickly made is made before and after the large ones.
    for rows in [*small, *sizes, *small]:
        grown.load(rows)
    for _ in range(READINGS):
        for rows in sizes:
            grown.scan(rows)
            grown.lookup(rows)
    grown.drop(sizes)
    return [Result(f"growth_{kind}", f"growth: {kind}", "µs a query" if kind == "lookup" else "µs a row", values,
                   ratios(kind, sizes)) for kind, values in grown.values.items()]


CASES = [growth]
