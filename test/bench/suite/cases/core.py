"""Sealing and revealing in the core, beside the bare calls of OpenSSL and beside nettle."""

import json
import subprocess
import tempfile

from measure import Ratio, Result

NAMES = "^(Bare|Nettle)?(Seal|Reveal)(/.*)?$"
RATIOS = [
    Ratio("Seal", "BareSeal/reused_key", at_most=1.10),
    Ratio("Reveal/shared_prefix", "BareReveal/reused_key", at_most=1.10),
    Ratio("Reveal/own_prefix", "BareReveal/fresh_key"),
    Ratio("Seal", "NettleSeal"),
    Ratio("Reveal/shared_prefix", "NettleReveal"),
]


def run_benchmark(bench):
    """Repetitions of all in random order, as test/bench/core_ratio runs them."""
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        subprocess.run([bench.server.build / "core" / "core_benchmark", f"--benchmark_filter={NAMES}",
                        f"--benchmark_repetitions={bench.sizes.core_repetitions}",
                        "--benchmark_enable_random_interleaving=true", "--benchmark_min_time=0.05",
                        f"--benchmark_out={out.name}", "--benchmark_out_format=json"], check=True, capture_output=True)
        return json.load(out)


def seal_and_reveal(bench):
    output = run_benchmark(bench)
    values = {}
    for run in sorted(output["benchmarks"], key=lambda run: run.get("repetition_index", 0)):
        if run.get("error_occurred"):
            raise RuntimeError(f"{run['name']}: {run['error_message']}")
        if run["run_type"] == "iteration":
            # CPU time: what the kernel gives to others meanwhile is not ours.
            values.setdefault(run["run_name"], []).append(run["cpu_time"])
    bench.about.update({name: output["context"][name] for name in ("openssl", "compiler", "build")})
    ratios = [ratio for ratio in RATIOS if ratio.side in values and ratio.beside in values]
    return Result("core", "32 bytes in the core", "ns a value", values, ratios)


CASES = [seal_and_reveal]
