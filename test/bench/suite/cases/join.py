"""Hash join and GROUP BY on the column itself."""

from measure import Result


def hash_join(bench):
    def query(side):
        return f"SELECT count(*) FROM people_{side} AS a JOIN people_{side} AS b ON a.ssn = b.ssn"

    bench.run("SET enable_nestloop = off; SET enable_mergejoin = off")
    for side in ("plain", "sealed"):
        bench.require_plan(query(side), "Hash Join")
    values = bench.compare(query, rounds=bench.sizes.slow_rounds)
    bench.run("RESET enable_nestloop; RESET enable_mergejoin")
    return Result("hash_join", "hash join by ssn", "µs a row", values)


def group_by(bench):
    def query(side):
        return f"SELECT count(*) FROM (SELECT ssn FROM people_{side} GROUP BY ssn) AS groups"

    bench.run("SET enable_sort = off; SET enable_indexscan = off; SET enable_indexonlyscan = off")
    for side in ("plain", "sealed"):
        bench.require_plan(query(side), "HashAggregate")
    values = bench.compare(query, rounds=bench.sizes.slow_rounds)
    bench.run("RESET enable_sort; RESET enable_indexscan; RESET enable_indexonlyscan")
    return Result("group_by", "GROUP BY ssn", "µs a row", values)


CASES = [hash_join, group_by]
