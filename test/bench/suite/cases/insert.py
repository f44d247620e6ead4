"""INSERT: a row each and many rows each."""

from measure import Result

from bench import FIRST_SSN, SSNS, STEP

ROWS_EACH = 1000
NUMBER = "\\set n random(1, 1000000)\n"


def insert_single(bench):
    """In turn in one pgbench. Commits do not wait for the disk here, which would hide everything else; in the group
    `latency` they do."""
    for side in ("plain", "sealed"):
        bench.make_table(f"single_{side}", side)
    scripts = {side: f"{NUMBER}INSERT INTO single_{side} VALUES (:n, '123-45-6789', 'katherine@example.com');"
               for side in ("plain", "sealed")}
    values = {side: [] for side in scripts}
    for _ in range(bench.sizes.rounds):
        means = bench.server.mean_latencies(scripts, seconds=bench.sizes.seconds, settings="-c synchronous_commit=off")
        for side, mean in means.items():
            values[side].append(mean)
    for side in scripts:
        bench.run(f"DROP TABLE single_{side}")
    return Result("insert_single", "INSERT, one row, prepared", "µs a row", values)


def insert_multi(bench):
    rows = ", ".join(f"({n}, '{FIRST_SSN + n * STEP % SSNS}', 'person{n}@example.com')" for n in range(ROWS_EACH))
    for side in ("plain", "sealed"):
        bench.make_table(f"multi_{side}", side)
    values = bench.compare(lambda side: f"INSERT INTO multi_{side} VALUES {rows}", rounds=5 * bench.sizes.rounds,
                           count=ROWS_EACH)
    for side in values:
        bench.run(f"DROP TABLE multi_{side}")
    return Result("insert_multi", f"INSERT, {ROWS_EACH:,} rows", "µs a row", values)


CASES = [insert_single, insert_multi]
