#!/usr/bin/env python3
"""Prints the tables of docs/results.md from the report.json files of the trainers.

    ./run example planning_policy --out results/planning_policy       # and so on: the commands stand in docs/results.md
    python3 docs/pictures/results_table.py results/*/report.json
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("reports", nargs="+", help="report.json files of trainers")
    for file in parser.parse_args().reports:
        with open(file, encoding="utf-8") as opened:
            report = json.load(opened)
        seeds = f"{report['seeds']} seeds" if report["seeds"] > 1 else "1 seed"
        print(f"`./run example {report['command']}`: {report['metric']}, {report['steps']} steps of {report['batch']}, {seeds}\n")
        print("\n".join(table(report)) + "\n")


if __name__ == "__main__":
    main()
