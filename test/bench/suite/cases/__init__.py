"""The groups of cases, in the order in which they run. A case is a function that takes the bench and gives a Result, or
several."""

from . import adoption, analyze, bulk, core, growth, index, insert, join, latency
from . import lookup, pgcrypto, rewrap, scan, size, statement, update

GROUPS = {
    "core": core,
    "bulk": bulk,
    "insert": insert,
    "scan": scan,
    "lookup": lookup,
    "statement": statement,
    "update": update,
    "index": index,
    "join": join,
    "analyze": analyze,
    "rewrap": rewrap,
    "adoption": adoption,
    "pgcrypto": pgcrypto,
    "size": size,
    "latency": latency,
    "growth": growth,
}
