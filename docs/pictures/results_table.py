#!/usr/bin/env python3
"""Prints the tables of docs/results.md from the report.json files of the trainers.

    ./run example planning_policy --out results/planning_policy       # and so on: the commands stand in docs/results.md
    python3 docs/pictures/results_table.py results/*/report.json      # a table for each
    python3 docs/pictures/results_table.py --summary "Planning=results/planning_policy/report.json" ...   # one for all
"""

import argparse
import json


def text(value, digits, seeds):
    """0.947 ± 0.006; only the mean where there was one seed."""
    mean = f"{value['mean']:.{digits}f}"
    return f"{mean} ± {value['deviation']:.{digits}f}" if seeds > 1 else mean


def to_target(entry, baseline):
    """Steps and core seconds until the baseline's final quality, and how much less that is than the baseline's own."""
    reached = entry.get("to_target")
    if not reached:
        return ["not reached", ""]
    bound = "<= " if reached["at_most"] else ""
    cells = [f"{bound}{reached['steps']:.0f}", f"{bound}{reached['core_seconds']:.1f}"]
    if entry is not baseline and not baseline["to_target"]["at_most"]:
        cells[0] += f" ({baseline['to_target']['steps'] / reached['steps']:.1f}x fewer)"
    return cells


def table(report):
    """The Markdown lines of one report: a row for each pairing; the best figure of each column in bold."""
    seeds, digits = report["seeds"], report["digits"]
    steps = sorted(report["sampler_steps"])
    best = max if report["higher_is_better"] else min
    entries = report["pairings"]
    baseline = next((e for e in entries if e["pairing"] == "none"), None)
    head = ["pairing"] + [f"{s} {report['sampler']}" for s in steps]
    if baseline:
        head += [f"steps to {report['target']:.{digits}f}", "core s"]
    extra = [name for name in ("recall", "sliced Wasserstein") if all(name in e.get("others", {}) for e in entries)]
    lines = [head + extra]
    leaders = {s: best(entries, key=lambda e: e["quality"][str(s)]["mean"])["pairing"] for s in steps}
    for entry in entries:
        row = [f"`{entry['pairing']}`"]
        for s in steps:
            cell = text(entry["quality"][str(s)], digits, seeds)
            row.append(f"**{cell}**" if leaders[s] == entry["pairing"] else cell)
        if baseline:
            row += to_target(entry, baseline)
        lines.append(row + [text(entry["others"][name], 3, seeds) for name in extra])
    lines.insert(1, ["---"] * len(lines[0]))
    return ["| " + " | ".join(line) + " |" for line in lines]


SUMMARISED = ["none", "exact", "exact:1024", "drawn_nearest:4", "drawn_nearest:8", "drawn_nearest:16", "scale:2"]


def summary_row(name, report):
    """What the curve is about, at the first number of sampler steps: a cell for each pairing, the best in bold."""
    first, digits = str(report["sampler_steps"][0]), report["digits"]
    entries = {e["pairing"]: e for e in report["pairings"]}
    best = max if report["higher_is_better"] else min
    leader = best((p for p in SUMMARISED if p in entries), key=lambda p: entries[p]["quality"][first]["mean"])
    row = [f"{name}, {first} {report['sampler']}"]
    for pairing in SUMMARISED:
        if pairing not in entries:
            row.append("")
            continue
        cell = text(entries[pairing]["quality"][first], digits, report["seeds"])
        row.append(f"**{cell}**" if pairing == leader else cell)
    baseline = entries["none"]["to_target"]
    reached = {p: e["to_target"] for p, e in entries.items() if p in SUMMARISED[1:] and e.get("to_target")}
    if not reached:
        return row + ["none", ""]
    fastest = min(reached, key=lambda p: reached[p]["steps"])
    cells = []
    for unit in ["steps", "core_seconds"]:
        ratio = baseline[unit] / reached[fastest][unit]
        at_least = ">= " if reached[fastest]["at_most"] and ratio > 1 else ""
        cells.append(f"{at_least}{ratio:.1f}x")
    return row + [f"{cells[0]} (`{fastest}`)" if cells[0] != "1.0x" else "none", cells[1]]


def summary(reports):
    """The Markdown lines of one table over all reports, [(name, report)]."""
    lines = [["trainer"] + [f"`{p}`" for p in SUMMARISED] + ["fewer steps", "less time"]]
    lines.append(["---"] * len(lines[0]))
    lines += [summary_row(name, report) for name, report in reports]
    return ["| " + " | ".join(line) + " |" for line in lines]


def read(file):
    with open(file, encoding="utf-8") as opened:
        return json.load(opened)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--summary", action="store_true", help="one table for all; reports as NAME=FILE")
    parser.add_argument("reports", nargs="+", help="report.json files of trainers")
    arguments = parser.parse_args()
    if arguments.summary:
        named = [argument.split("=", 1) for argument in arguments.reports]
        print("\n".join(summary([(name, read(file)) for name, file in named])))
        return
    for file in arguments.reports:
        report = read(file)
        seeds = f"{report['seeds']} seeds" if report["seeds"] > 1 else "1 seed"
        print(f"`./run example {report['command']}`: {report['metric']}, {report['steps']} steps of {report['batch']}, {seeds}\n")
        print("\n".join(table(report)) + "\n")


if __name__ == "__main__":
    main()
