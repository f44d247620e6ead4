"""bench-results.json and the Markdown table."""

import json

BEGIN = "<!-- test/bench/run --publish writes from here"
END = "<!-- to here -->"


def write(directory, about, sizes, results):
    (directory / "bench-results.json").write_text(json.dumps(as_json(about, sizes, results), indent=1) + "\n")
    (directory / "results.md").write_text(markdown(about, sizes, results))


def as_json(about, sizes, results):
    return {"about": about, "sizes": vars(sizes), "cases": {result.name: case_as_json(result) for result in results}}


def case_as_json(result):
    return {
        "title": result.title,
        "unit": result.unit,
        "notes": result.notes,
        "sides": {side: {**result.summary(side), "values": values} for side, values in result.values.items()},
        "ratios": [{"side": ratio.side, "beside": ratio.beside, **result.ratio(ratio), "at_most": ratio.at_most,
                    "at_least": ratio.at_least, "met": result.is_met(ratio)} for ratio in result.ratios],
        "checks": [{**vars(check), "met": check.is_met()} for check in result.checks],
    }


def markdown(about, sizes, results):
    lines = [
        f"{about['machine']}; {about['system']}; {about['postgresql']}; {about.get('openssl', 'OpenSSL')}; "
        f"{about.get('compiler', 'compiler unknown')}; commit {about['commit']}; {about['date']}; `{about['command']}`, "
        f"{about['seconds']} s, load {about['load_at_start']} before and {about['load_at_end']} after. "
        f"Tables of {sizes.rows:,} rows.",
        "",
    ]
    if about.get("build", "optimised") != "optimised" or sizes.name != "full":
        lines += ["**These figures are of a short run or of a build that is not optimised, and mean little.**", ""]
    lines += ["Costs are medians. A ratio is the median of the ratios of the rounds, with its quartiles.", "",
              "| case | measured | cost | beside | cost | unit | ratio | bar |",
              "|---|---|--:|---|--:|---|--:|---|"]
    for result in results:
        lines += [row(result, ratio) for ratio in result.ratios]
    checks = [check for result in results for check in result.checks]
    lines += [""] * bool(checks)
    lines += [f"- {check.text}: {check.value:,} {check.unit}, at most {check.at_most:,}: {verdict(check.is_met())}"
              for check in checks]
    return "\n".join(lines) + "\n"


def row(result, ratio):
    found = result.ratio(ratio)
    cells = [result.title, ratio.side, number(result.median(ratio.side)), ratio.beside,
             number(result.median(ratio.beside)), result.unit, spread(found), bar(result, ratio)]
    return "| " + " | ".join(cells) + " |"


def spread(found):
    if found["measured"] == 1:
        return f"{found['median']:.2f}"
    return f"{found['median']:.2f} ({found['lower_quartile']:.2f}–{found['upper_quartile']:.2f})"


def bar(result, ratio):
    if ratio.at_most is None and ratio.at_least is None:
        return ""
    limit = f"≤ {ratio.at_most:.2f}" if ratio.at_most is not None else f"≥ {ratio.at_least:.2f}"
    return f"{limit}: {verdict(result.is_met(ratio))}"


def verdict(met):
    return "met" if met else "**missed**"


def number(value):
    """Three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def publish(page, directory):
    """Puts the table and the plots between the marks of the page."""
    text = page.read_text()
    begin = text.index("\n", text.index(BEGIN)) + 1
    end = text.index(END)
    plots = "".join(f"![{path.stem}]({directory.name}/{path.name})\n\n" for path in sorted(directory.glob("*.svg")))
    page.write_text(text[:begin] + "\n" + (directory / "results.md").read_text() + "\n" + plots + text[end:])
