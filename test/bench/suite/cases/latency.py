"""Latency of single transactions as one client sees it, both sides mixed in one pgbench for each kind: a read right after
a commit that waited for the disk finds cold caches, and would say more of the disk than of the read."""

from measure import Ratio, Result, quantile

from bench import ssn

KINDS = {
    "write": "INSERT INTO latency_{side} VALUES (:n + 100000000, '123-45-6789', 'katherine@example.com');",
    "read": "SELECT ssn, email FROM latency_{side} WHERE id = :n;",
    "search": "SELECT id FROM latency_{side} WHERE ssn = {ssn}::text;",
}
QUANTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
BAR = 1.2
# The quantile of each part of the run shows how far it spreads.
PARTS = 5


def make_tables(bench):
    for side in ("plain", "sealed"):
        bench.make_table(f"latency_{side}", side)
        bench.run(f"INSERT INTO latency_{side} SELECT * FROM people_plain; CREATE INDEX ON latency_{side} (id)")
    bench.run("CREATE INDEX ON latency_plain (ssn); CREATE INDEX ON latency_sealed (pii_blind_index(ssn))")
    bench.run("VACUUM (ANALYZE) latency_plain; VACUUM (ANALYZE) latency_sealed; CHECKPOINT")


def parts(values):
    size = max(1, len(values) // PARTS)
    return [values[part * size:(part + 1) * size] for part in range(PARTS) if values[part * size:]]


def measure(bench, kind):
    scripts = {side: f"\\set n random(1, {bench.sizes.rows})\n" + KINDS[kind].format(side=side, ssn=ssn(":n::bigint"))
               for side in ("plain", "sealed")}
    measured = bench.server.latencies(scripts, bench.sizes.latency_seconds)
    for name, part in QUANTILES.items():
        values = {side: [quantile(slice_, part) for slice_ in parts(costs)] for side, costs in measured.items()}
        yield Result(f"latency_{kind}_{name}", f"latency of {kind}, {name}", "µs", values,
                     [Ratio(at_most=BAR if name == "p99" else None)],
                     notes=f"{len(measured['sealed'])} transactions of the sealed side")


def latency(bench):
    make_tables(bench)
    results = [result for kind in KINDS for result in measure(bench, kind)]
    bench.run("DROP TABLE latency_plain; DROP TABLE latency_sealed")
    return results


CASES = [latency]
