"""UPDATE of an indexed column of every row, in one statement."""

from measure import Result

from bench import ssn


def update(bench):
    for side in ("plain", "sealed"):
        bench.make_table(f"update_{side}", side)
        bench.run(f"INSERT INTO update_{side} SELECT * FROM people_plain")
    bench.run("CREATE INDEX ON update_plain (ssn); CREATE INDEX ON update_sealed (pii_blind_index(ssn))")
    values = bench.compare(lambda side: f"UPDATE update_{side} SET ssn = {ssn('id')}::text",
                           rounds=bench.sizes.slow_rounds, before=lambda side: bench.run(f"VACUUM update_{side}"))
    for side in values:
        bench.run(f"DROP TABLE update_{side}")
    return Result("update", "UPDATE of an indexed ssn", "µs a row", values)


CASES = [update]
