"""What test/bench/run starts once there is a server: runs the groups of cases and writes the report."""

import argparse
import pathlib
import sys
import time

import machine
import plots
import report
from bench import FULL, QUICK, Bench
from cases import GROUPS
from server import Server


def parse_arguments():
    parser = argparse.ArgumentParser(prog="test/bench/run", add_help=False)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--publish", action="store_true")
    parser.add_argument("--output", type=pathlib.Path)
    parser.add_argument("--only", action="append", choices=list(GROUPS))
    parser.add_argument("--rows", type=int)
    parser.add_argument("--check-arguments", action="store_true")
    arguments = parser.parse_args()
    if arguments.publish and (arguments.output or arguments.quick or arguments.only):
        parser.error("--publish is for a full run")
    if arguments.rows is not None and arguments.rows < 1000:
        parser.error("--rows: at least 1000")
    return arguments


def run_groups(bench, names):
    """Each group adds its results; the first ones are what later ones are compared with."""
    for name in names:
        started = time.monotonic()
        print(f"{name} ...", end=" ", flush=True)
        for case in GROUPS[name].CASES:
            bench.add(case(bench))
        print(f"{time.monotonic() - started:.0f} s", flush=True)


def main():
    arguments = parse_arguments()
    if arguments.check_arguments:
        return 0
    server = Server.from_environment()
    # As the shell gave it: relative to where the caller is.
    output = arguments.output or server.build / "results"
    if arguments.publish:
        output = server.checkout / "docs" / "performance"
    sizes = QUICK if arguments.quick else FULL
    if arguments.rows:
        sizes = sizes.with_rows(arguments.rows)

    about = machine.describe(server, sys.argv[1:])
    bench = Bench(server, sizes)
    started = time.monotonic()
    run_groups(bench, [name for name in GROUPS if not arguments.only or name in arguments.only])
    about["seconds"] = round(time.monotonic() - started)
    about["load_at_end"] = machine.load()
    about.update(bench.about)

    output.mkdir(parents=True, exist_ok=True)
    report.write(output, about, sizes, bench.results)
    plots.write(output, bench.results)
    if arguments.publish:
        report.publish(server.checkout / "docs" / "performance.md", output)
    print((output / "results.md").read_text())
    print(f"written to {output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
