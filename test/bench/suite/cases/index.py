"""Building the index that equality uses."""

from measure import Result

ON = {"plain": "people_plain (ssn)", "sealed": "people_sealed (pii_blind_index(ssn))"}


def index_build(bench):
    def drop(_):
        bench.run("DROP INDEX IF EXISTS built")

    values = bench.compare(lambda side: f"CREATE INDEX built ON {ON[side]}", rounds=bench.sizes.slow_rounds, before=drop)
    drop(None)
    return Result("index_build", "CREATE INDEX", "µs a row", values)


CASES = [index_build]
