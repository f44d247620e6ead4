"""Adoption of a plaintext column, which rewrites nothing, and the sweep that seals it afterwards."""

from measure import Result

from .rewrap import BATCH, create_update_procedure


def fill_plaintext(bench, side):
    bench.make_table(f"sweep_{side}", "plain", key="PRIMARY KEY")
    bench.run(f"INSERT INTO sweep_{side} SELECT * FROM people_plain; VACUUM (ANALYZE) sweep_{side}")


def drop(bench):
    bench.run("DROP TABLE sweep_plain; DROP TABLE sweep_sealed")


ADOPT = {
    # PostgreSQL's own change of type that rewrites nothing.
    "plain": "ALTER TABLE sweep_plain ALTER COLUMN ssn TYPE varchar",
    "sealed": "ALTER TABLE sweep_sealed ALTER COLUMN ssn TYPE pii_text(ssn) USING ssn::pii_unsealed::pii_text",
}


def adopt(bench):
    values = bench.compare(ADOPT.get, rounds=bench.sizes.slow_rounds, before=lambda side: fill_plaintext(bench, side),
                           count=1)
    drop(bench)
    return Result("adoption", "adoption beside text to varchar", "ms a table",
                  {side: [cost / 1000 for cost in costs] for side, costs in values.items()})


def seal_sweep(bench):
    create_update_procedure(bench)

    def prepare(side):
        fill_plaintext(bench, side)
        if side == "sealed":
            bench.run(ADOPT["sealed"])

    calls = {"plain": "CALL update_in_batches()", "sealed": f"CALL pii_seal_column('sweep_sealed', 'ssn', {BATCH})"}
    values = bench.compare(calls.get, rounds=bench.sizes.slow_rounds, before=prepare)
    if bench.value("SELECT count(*) FROM sweep_sealed WHERE NOT pii_is_sealed(ssn)"):
        raise RuntimeError("rows were not sealed")
    drop(bench)
    return Result("seal_sweep", "seal sweep beside UPDATE", "µs a row", values)


CASES = [adopt, seal_sweep]
