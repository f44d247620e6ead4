"""Bytes on disk. They are counted, so once is enough."""

from measure import Result

SIDES = ("plain", "sealed")
INDEXES = {"plain": "people_plain_ssn_idx", "sealed": "people_sealed_pii_blind_index_idx"}


def count(bench, name, title, unit, query):
    return Result(name, title, unit, {side: [float(bench.value(query(side)))] for side in SIDES})


def value_size(bench):
    return count(bench, "size_value", "an ssn of 9 digits", "bytes a value",
                 lambda side: f"SELECT avg(pg_column_size(ssn)) FROM people_{side}")


def table_size(bench):
    return count(bench, "size_table", "table of (bigint, ssn, email)", "bytes a row",
                 lambda side: f"SELECT pg_table_size('people_{side}')::float8 / count(*) FROM people_{side}")


def index_size(bench):
    return count(bench, "size_index", "index of the ssn", "bytes a row",
                 lambda side: f"SELECT pg_relation_size('{INDEXES[side]}')::float8 / count(*) FROM people_{side}")


CASES = [value_size, table_size, index_size]
