"""Plots of the ratios, the latencies and the growth, as SVG that shows on light and on dark pages."""

import matplotlib

matplotlib.use("svg")

import matplotlib.pyplot as pyplot  # noqa: E402  (the backend comes first)

PLAIN, SEALED, BAR = "#8c96a3", "#2f6fb3", "#c0392b"
SIDES = {"plain": PLAIN, "sealed": SEALED}
PGCRYPTO = {**SIDES, "encrypt_iv": "#d9a441", "pgp": "#b5533c"}
TICKS = [0.5, 1, 2, 5, 10, 20, 50]

# The same run gives the same bytes; text stays text.
matplotlib.rcParams.update({"svg.hashsalt": "pii", "svg.fonttype": "none", "font.size": 9, "axes.spines.top": False,
                            "axes.spines.right": False, "figure.facecolor": "white"})


def write(directory, results):
    plot_ratios(directory / "ratios.svg", results)
    plot_latency(directory / "latency.svg", results)
    plot_growth(directory / "growth.svg", results)
    plot_pgcrypto(directory / "pgcrypto.svg", results)


def save(figure, path):
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def sealed_beside_plain(results):
    """(result, ratio) of each case that has just the two sides; the others have plots of their own."""
    for result in results:
        if result.name.startswith(("latency_", "growth_", "pgcrypto_")):
            continue
        for ratio in result.ratios:
            if (ratio.side, ratio.beside) == ("sealed", "plain"):
                yield result, ratio


def plot_ratios(path, results):
    rows = list(sealed_beside_plain(results))[::-1]
    if not rows:
        return
    figure, axes = pyplot.subplots(figsize=(8, 0.5 + 0.3 * len(rows)))
    for place, (result, ratio) in enumerate(rows):
        found = result.ratio(ratio)
        median = found["median"]
        spread = [[median - found["lower_quartile"]], [found["upper_quartile"] - median]]
        axes.barh(place, median, color=SEALED, xerr=spread, ecolor="#333333", capsize=2)
        axes.text(found["upper_quartile"] * 1.05, place, f"{median:.2f}", va="center")
        if ratio.at_most is not None:
            axes.plot([ratio.at_most] * 2, [place - 0.45, place + 0.45], color=BAR, linewidth=2)
    axes.set_yticks(range(len(rows)), [result.title for result, _ in rows])
    axes.axvline(1, color=PLAIN, linewidth=1)
    axes.set_xscale("log")
    axes.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS])
    axes.set_xlim(left=0.5)
    axes.minorticks_off()
    axes.set_xlabel("cost of sealed columns by cost of plain text (median and quartiles; red: the bar)")
    save(figure, path)


def plot_latency(path, results):
    found = [result for result in results if result.name.startswith("latency_")]
    if not found:
        return
    figure, axes = pyplot.subplots(figsize=(8, 3))
    for shift, (side, color) in zip((-0.2, 0.2), SIDES.items()):
        axes.bar([place + shift for place in range(len(found))], [result.median(side) for result in found], 0.4,
                 color=color, label=side)
    axes.set_xticks(range(len(found)), [result.title.removeprefix("latency of ").replace(", ", "\n") for result in found])
    axes.set_yscale("log")
    axes.set_ylabel("µs, one client")
    axes.legend(frameon=False)
    save(figure, path)


def plot_growth(path, results):
    found = [result for result in results if result.name.startswith("growth_")]
    if not found:
        return
    figure, all_axes = pyplot.subplots(1, len(found), figsize=(2.6 * len(found), 2.8), squeeze=False)
    for axes, result in zip(all_axes[0], found):
        for side, color in SIDES.items():
            points = [(rows_of(name), result.median(name)) for name in result.values if name.startswith(side)]
            axes.plot(*zip(*sorted(points)), marker="o", color=color, label=side)
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.set_title(result.title.removeprefix("growth: "))
        axes.set_xlabel("rows")
        axes.set_ylabel(result.unit)
    all_axes[0][0].legend(frameon=False)
    save(figure, path)


def plot_pgcrypto(path, results):
    found = [result for result in results if result.name.startswith("pgcrypto_")][::-1]
    if not found:
        return
    figure, axes = pyplot.subplots(figsize=(8, 2.6))
    for shift, (side, color) in zip((0.3, 0.1, -0.1, -0.3), PGCRYPTO.items()):
        places = [place + shift for place in range(len(found))]
        costs = [result.median(side) for result in found]
        axes.barh(places, costs, 0.2, color=color, label=side)
        for place, cost in zip(places, costs):
            axes.text(cost * 1.05, place, f"{cost:.3g}", va="center")
    axes.set_yticks(range(len(found)), [result.title.replace(" beside ", "\nbeside ") for result in found])
    axes.set_xscale("log")
    axes.set_xlabel("µs a row")
    axes.margins(x=0.1)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    save(figure, path)


def rows_of(name):
    return int(name.split(", ")[1].removesuffix(" rows").replace(",", ""))
