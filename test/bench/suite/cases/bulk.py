"""COPY of (bigint, ssn, email), both sealed. The server reads and writes files itself and throws away what it writes: no
client and no network that would make the difference look smaller."""

from measure import Ratio, Result


def copy_in(bench, name, title, options):
    path = bench.server.files / f"{name}.copy"
    bench.run(f"COPY people_plain TO '{path}' {options}")
    for side in ("plain", "sealed"):
        bench.make_table(f"{name}_{side}", side)
    values = bench.compare(lambda side: f"COPY {name}_{side} FROM '{path}' {options}",
                           before=lambda side: bench.run(f"TRUNCATE {name}_{side}"))
    for side in values:
        bench.run(f"DROP TABLE {name}_{side}")
    path.unlink()
    return Result(name, title, "µs a row", values, [Ratio(at_most=1.9)])


def copy_out(bench, name, title, options, view, bar):
    bench.run(f"SET pii.view = {view}")
    values = bench.compare(lambda side: f"COPY people_{side} TO '/dev/null' {options}")
    bench.run("RESET pii.view")
    return Result(name, title, "µs a row", values, [Ratio(at_most=bar)])


def copy_in_text(bench):
    return copy_in(bench, "copy_in_text", "COPY in, text", "")


def copy_in_binary(bench):
    return copy_in(bench, "copy_in_binary", "COPY in, binary", "(FORMAT binary)")


def copy_out_text(bench):
    return copy_out(bench, "copy_out_text", "COPY out, text, plain view", "", "plain", 3.0)


def copy_out_binary(bench):
    return copy_out(bench, "copy_out_binary", "COPY out, binary, plain view", "(FORMAT binary)", "plain", 3.0)


def copy_out_sealed(bench):
    return copy_out(bench, "copy_out_sealed", "COPY out, text, sealed view (a dump)", "", "sealed", None)


CASES = [copy_in_text, copy_in_binary, copy_out_text, copy_out_binary, copy_out_sealed]
