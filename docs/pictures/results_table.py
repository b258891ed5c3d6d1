#!/usr/bin/env python3
"""Prints the tables of docs/results.md from the report.json files of the trainers.

    ./run example planning_policy --out results/planning_policy       # and so on: the commands stand in docs/results.md
    python3 docs/pictures/results_table.py results/*/report.json      # a table for each
    python3 docs/pictures/results_table.py --summary docs/results.md  # one for all, from the tables that stand there
"""

import argparse
import json
import re


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
    if report["options"].get("--models"):  # judged once: no curve
        baseline = None
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


def tables_of(text):
    """[(heading, more is better?, head, rows)] of the tables of pairings in docs/results.md; head and rows hold cells."""
    found, heading, said, rows = [], "", "", []
    for line in text.splitlines() + [""]:
        if line.startswith("|"):
            rows.append([cell.strip().strip("*") for cell in line.strip().strip("|").split("|")])
            continue
        if rows and rows[0][0] == "pairing" and re.match(r"[0-9]+ ", rows[0][1]):
            found.append((heading, "more is better" in said, rows[0], rows[2:]))
        rows = []
        if line.startswith("#"):
            heading, said = line.lstrip("# "), ""
        said += " " + line
    return found


def first_number(cell):
    """0.947 of "0.947 ± 0.006", 188 of "<= 188 (3.9x fewer)"; nothing of "not reached" and of an empty cell."""
    number = re.search(r"[0-9.]+", cell)
    return float(number.group()) if number else None


def summary_row(heading, more_is_better, head, rows):
    """What the curve is about: a cell for each pairing, the best in bold; the least steps and time to the baseline's quality.

    A table without a curve is told by its first column."""
    by_pairing = {row[0].strip("`"): row for row in rows}
    baseline = by_pairing["none"]
    steps_at = next((i for i, name in enumerate(head) if name.startswith("steps to")), None)
    shown = 1
    if steps_at:
        target = head[steps_at].split()[-1]
        shown = next(i for i, cell in enumerate(baseline) if i and cell.split()[0] == target)
    known = {name: by_pairing[name] for name in SUMMARISED if name in by_pairing}
    leader = (max if more_is_better else min)(known, key=lambda name: first_number(known[name][shown]))
    anchor = re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
    row = [f"[{heading.split(':')[0]}](#{anchor}), {head[shown]}"]
    for name in SUMMARISED:
        cell = known[name][shown] if name in known else ""
        row.append(f"**{cell}**" if name == leader else cell)
    if not steps_at or "<=" in baseline[steps_at]:
        return row + ["", ""]
    reached = {name: cells for name, cells in known.items() if name != "none" and first_number(cells[steps_at])}
    if not reached:
        return row + ["none", ""]
    fastest = min(reached, key=lambda name: first_number(reached[name][steps_at]))
    cells = []
    for column in [steps_at, steps_at + 1]:
        ratio = first_number(baseline[column]) / first_number(reached[fastest][column])
        at_least = ">= " if "<=" in reached[fastest][column] else ""
        cells.append(f"{at_least}{ratio:.1f}x")
    return row + [f"{cells[0]} (`{fastest}`)", cells[1]]


def summary(text):
    """The Markdown lines of one table over all tables of a text."""
    lines = [["trainer"] + [f"`{p}`" for p in SUMMARISED] + ["fewer steps", "less time"]]
    lines.append(["---"] * len(lines[0]))
    lines += [summary_row(*found) for found in tables_of(text)]
    return ["| " + " | ".join(line) + " |" for line in lines]


def read(file):
    with open(file, encoding="utf-8") as opened:
        return json.load(opened)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--summary", metavar="MARKDOWN", help="one table for all tables in this file")
    parser.add_argument("reports", nargs="*", help="report.json files of trainers")
    arguments = parser.parse_args()
    if arguments.summary:
        with open(arguments.summary, encoding="utf-8") as opened:
            print("\n".join(summary(opened.read())))
    for file in arguments.reports:
        report = read(file)
        if not isinstance(report, dict):  # that of `analyse` is a list
            continue
        seeds = f"{report['seeds']} seeds" if report["seeds"] > 1 else "1 seed"
        print(f"`./run example {report['command']}`: {report['metric']}, {report['steps']} steps of {report['batch']}, {seeds}\n")
        print("\n".join(table(report)) + "\n")


if __name__ == "__main__":
    main()
