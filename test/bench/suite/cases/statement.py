"""What a statement without personal data pays in a database that has the extension, beside one that has it not: pii
watches plans and the log, and plain twins elsewhere in this run pay for that too."""

from measure import Ratio, Result, interleave

ROWS = 10_000
SCRIPT = f"\\set n random(1, {ROWS})\nSELECT name FROM things WHERE id = :n AND name <> 'no name of a thing';\n"
DATABASES = {"with pii": "postgres", "without": "bare"}


def make_things(bench):
    bench.run("CREATE DATABASE bare")
    for database in DATABASES.values():
        connection = bench.server.connect(database)
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE things (id int PRIMARY KEY, name text)")
            cursor.execute(f"INSERT INTO things SELECT n, 'thing ' || n FROM generate_series(1, {ROWS}) AS n")
            cursor.execute("VACUUM (FREEZE, ANALYZE) things")
        connection.close()


def measure(bench, protocol):
    def once(database):
        return bench.server.microseconds_per_transaction("things", SCRIPT, clients=1, seconds=bench.sizes.seconds,
                                                         database=database, protocol=protocol)

    values = interleave({side: lambda database=database: once(database) for side, database in DATABASES.items()},
                        bench.sizes.slow_rounds)
    return Result(f"statement_{protocol}", f"statement without personal data, {protocol}", "µs a statement", values,
                  [Ratio("with pii", "without")])


def statements(bench):
    make_things(bench)
    results = [measure(bench, protocol) for protocol in ("prepared", "simple")]
    bench.run("DROP TABLE things; DROP DATABASE bare")
    return results


CASES = [statements]
