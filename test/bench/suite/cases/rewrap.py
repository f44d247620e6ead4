"""Rewrap under another key version beside PostgreSQL's own UPDATE in batches of as many rows and bytes."""

from measure import Ratio, Result

BATCH = 1000
# The bytes that sealing adds: both sides write rows of one size.
FILL = "repeat('x', 46)"


def create_update_procedure(bench):
    with bench.connection.cursor() as cursor:
        cursor.execute(f"""
            CREATE OR REPLACE PROCEDURE update_in_batches() LANGUAGE plpgsql AS $$
            DECLARE first bigint := 1; last bigint := (SELECT max(id) FROM sweep_plain);
            BEGIN
                WHILE first <= last LOOP
                    UPDATE sweep_plain SET ssn = reverse(left(ssn, 9)) || {FILL}
                    WHERE id >= first AND id < first + {BATCH};
                    COMMIT;
                    first := first + {BATCH};
                END LOOP;
            END $$""")


def rewrap(bench):
    create_update_procedure(bench)
    bench.make_table("sweep_plain", "plain", key="PRIMARY KEY")
    bench.make_table("sweep_sealed", "sealed", key="PRIMARY KEY")
    bench.run(f"INSERT INTO sweep_plain SELECT id, ssn || {FILL}, email FROM people_plain")
    bench.run("INSERT INTO sweep_sealed SELECT * FROM people_plain")

    def prepare(side):
        bench.run(f"VACUUM (ANALYZE) sweep_{side}")
        if side == "sealed":
            bench.promote_other_key()

    calls = {"plain": "CALL update_in_batches()", "sealed": f"CALL pii_rewrap_column('sweep_sealed', 'ssn', {BATCH})"}
    values = bench.compare(calls.get, rounds=bench.sizes.slow_rounds, before=prepare)
    left = bench.value(f"SELECT count(*) FROM sweep_sealed WHERE pii_key_version(ssn) <> {bench.key_version}")
    if left:
        raise RuntimeError(f"{left} rows were not rewrapped")
    bench.run("DROP TABLE sweep_plain; DROP TABLE sweep_sealed")
    return Result("rewrap", "rewrap of a column beside UPDATE", "µs a row", values, [Ratio(at_most=1.5)])


CASES = [rewrap]
