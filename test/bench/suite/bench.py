"""The workbench of the cases: sizes, the two tables everybody reads, and the results so far."""

import dataclasses
import time

from measure import interleave


@dataclasses.dataclass(frozen=True)
class Sizes:
    name: str
    rows: int  # of the tables
    rounds: int  # how often each side is measured
    slow_rounds: int  # the same for what makes its tables anew each time
    seconds: int  # of a slice of pgbench
    latency_seconds: int  # of each kind of transaction
    pgcrypto_rows: int
    pgp_rows: int
    core_repetitions: int
    growth: tuple

    def with_rows(self, rows):
        return dataclasses.replace(self, rows=rows)


FULL = Sizes(name="full", rows=200_000, rounds=9, slow_rounds=5, seconds=2, latency_seconds=25, pgcrypto_rows=20_000,
             pgp_rows=500, core_repetitions=15, growth=(10_000, 100_000, 1_000_000, 10_000_000))
QUICK = Sizes(name="quick", rows=20_000, rounds=3, slow_rounds=2, seconds=1, latency_seconds=2, pgcrypto_rows=2_000,
              pgp_rows=50, core_repetitions=3, growth=(10_000, 100_000, 300_000))

# The same people on both sides. Their numbers are spread over all there are, each once: STEP has no divisor in common
# with the modulus. Numbers in a row would have the same digits over and over, and keep a B-tree in order.
FIRST_SSN, SSNS, STEP = 100_000_000, 900_000_000, 413_158_511
EMAIL = "'person' || n || '@example.com'"
SIDES = {"plain": ("text", "text"), "sealed": ("pii_text(ssn)", "pii_text(email)")}


class Bench:
    def __init__(self, server, sizes):
        self.server = server
        self.sizes = sizes
        self.results = []
        self.about = {}
        self.key_version = 1
        self.connection = server.connect()
        self.run("CREATE EXTENSION pii; CREATE EXTENSION pgcrypto")
        for side in SIDES:
            self.make_table(f"people_{side}", side)
            self.run(f"INSERT INTO people_{side} SELECT * FROM ({people(sizes.rows)}) AS people ORDER BY id")
        self.run("CREATE INDEX ON people_plain (ssn); CREATE INDEX ON people_sealed (pii_blind_index(ssn))")
        for side in SIDES:
            self.run(f"VACUUM (FREEZE, ANALYZE) people_{side}")
        self.run("CHECKPOINT")

    def add(self, results):
        self.results += results if isinstance(results, list) else [results]

    def result(self, name):
        """A result so far, or None when its group was left out."""
        return next((result for result in self.results if result.name == name), None)

    def run(self, sql):
        with self.connection.cursor() as cursor:
            # One by one: VACUUM and CHECKPOINT run in no block.
            for statement in sql.split(";"):
                if statement.strip():
                    cursor.execute(statement)

    def value(self, sql):
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchone()[0]

    def seconds(self, sql):
        """How long one statement takes, as its client sees it."""
        with self.connection.cursor() as cursor:
            started = time.perf_counter()
            cursor.execute(sql)
            return time.perf_counter() - started

    def microseconds_each(self, sql, count):
        return self.seconds(sql) / count * 1e6

    def make_table(self, name, side, key=""):
        ssn, email = SIDES[side]
        self.run(f"DROP TABLE IF EXISTS {name}; CREATE TABLE {name} (id bigint {key}, ssn {ssn}, email {email})")

    def compare(self, statement, rounds=None, before=None, count=None):
        """Costs in µs a row of the statement that `statement(side)` gives, `before(side)` run first and not counted."""

        def measure(side):
            if before:
                before(side)
            return self.microseconds_each(statement(side), count or self.sizes.rows)

        return interleave({side: lambda side=side: measure(side) for side in SIDES}, rounds or self.sizes.rounds)

    def require_plan(self, sql, node):
        """The plan must be the one that the case is named after."""
        with self.connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (COSTS OFF) {sql}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
        if node not in plan:
            raise RuntimeError(f"no {node} in the plan of {sql}:\n{plan}")

    def promote_other_key(self):
        """Makes the other of the two sealing keys the primary one."""
        self.key_version = 3 - self.key_version
        self.server.keyring("promote", "seal", str(self.key_version))
        self.run("SELECT pii_reload_keyring()")


def ssn(n):
    """The number of person n, in SQL and in pgbench alike; n must be a bigint."""
    return f"({FIRST_SSN} + {n} * {STEP} % {SSNS})"


def people(rows):
    return f"SELECT n AS id, {ssn('n')}::text AS ssn, {EMAIL} AS email FROM generate_series(1::bigint, {rows}) AS n"
