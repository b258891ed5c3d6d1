#!/usr/bin/env python3
"""Breaks the lines of the solvers one at a time and says which breaks no test notices.

    python3 tests/mutation/mutate.py                       # all solvers, hours; interrupt and call again at will
    python3 tests/mutation/mutate.py list_solver.hpp --jobs 2
    python3 tests/mutation/mutate.py --again               # only the lines whose break survived: after a new test
    python3 tests/mutation/mutate.py --survivors           # what is known so far

Each code line that can be broken is broken once (a condition turned around, a call left out, a plus made a minus, ...), in a
copy of include/; the tests that belong to its header (TESTS, below) are compiled against it, for AVX2 alone, and run. "killed": a
test failed, crashed, or took 5 s more than 20 times its usual time; "survived": none did; a line whose breaks do not compile is
"unbroken". What survived and why is in README.md here. Results: build/mutation/log.jsonl, a line each; a line of the source that
changed is tried again, one that only moved is not.
"""

import argparse
import concurrent.futures
import json
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "mutation"
COMPILE = "g++ -std=c++17 -O1 -w -march=x86-64-v3 -maes -mpclmul -DHWY_COMPILE_ONLY_STATIC".split()  # without AES Highway takes SSE4

# The tests that must notice a break, the quickest first.
LISTS = ["list_solver", "jonker_volgenant", "jonker_volgenant_families", "auction"]
ROWS = ["row_solver", "fast_solver", "jonker_volgenant"]
TESTS = {
    "detail/row_solver.hpp": ROWS,
    "detail/row_solver-inl.hpp": ROWS,
    "detail/row_costs-inl.hpp": ROWS,
    "detail/row_scan-inl.hpp": ["row_scan", *ROWS],
    "detail/float_rows.hpp": ["float_rows", *ROWS, "list_solver"],
    "detail/float_rows-inl.hpp": ["float_rows", *ROWS, "list_solver"],
    "detail/exchange_columns.hpp": ["list_solver", "row_solver"],
    "detail/fast_solver.hpp": ["fast_solver", "jonker_volgenant", "auction"],
    "detail/forbidden_pairs.hpp": ["fast_solver"],
    "detail/forbidden_pairs-inl.hpp": ["fast_solver"],
    "detail/list_solver.hpp": LISTS,
    "detail/list_solver-inl.hpp": LISTS,
    "detail/list_paths-inl.hpp": LISTS,
    "detail/list_matching-inl.hpp": LISTS,
    "detail/candidate_lists-inl.hpp": LISTS,
    "detail/fixed_costs-inl.hpp": LISTS,
    "detail/int_block-inl.hpp": ["int_block", *LISTS],
    "detail/shortest_paths.hpp": ["shortest_paths", "jonker_volgenant", "jonker_volgenant_families", "list_solver"],
    "detail/sampled_row.hpp": ["fast_solver", *ROWS],
    "detail/answers.hpp": ["jonker_volgenant", "assignment", "bad_input", "greedy", "fast_solver"],
    "jonker_volgenant.hpp": ["jonker_volgenant", "jonker_volgenant_families", "bad_input", "fast_solver"],
    "auction.hpp": ["auction", "bad_input", "fast_solver"],
    "assignment.hpp": ["assignment", "auction"],
    "greedy.hpp": ["greedy", "bad_input"],
}

# (what stands there, what replaces it), the plainest break first.
SWAPS = [
    (r" < ", " >= "), (r" > ", " <= "), (r" <= ", " > "), (r" >= ", " < "), (r" == ", " != "), (r" != ", " == "),
    (r" && ", " || "), (r" \|\| ", " && "), (r"\bmin\b(?=\()", "max"), (r"\bmax\b(?=\()", "min"),
    (r"\bhn::Min\b", "hn::Max"), (r"\bhn::Max\b", "hn::Min"), (r"\bhn::Add\b", "hn::Sub"), (r"\bhn::Sub\b", "hn::Add"),
    (r"\bhn::Lt\b", "hn::Ge"), (r"\bhn::Gt\b", "hn::Le"), (r"\bhn::Le\b", "hn::Gt"), (r"\bhn::Eq\b", "hn::Ne"),
    (r" \+ ", " - "), (r" - ", " + "), (r" \* ", " + "), (r" / ", " * "), (r" \+= ", " -= "), (r" -= ", " += "),
    (r"\+\+", "--"), (r"\btrue\b", "false"), (r"\bfalse\b", "true"), (r" & ", " | "), (r" \| ", " & "),
    (r"(?<![\w.])0(?![\w.])", "1"), (r"(?<![\w.])(\d+)(?![\w.])", r"(\1 + 1)"), (r"(?<![\w.])(\d+\.\d+f?)(?![\w.])", r"(\1 + 1)"),
]
NO_CODE = re.compile(r"\s*(//|#|using |namespace|template|static_assert|public:|private:|HWY_|enum |struct |class |else \{?$|[{})\];]*(\s*//.*)?$)")
STATEMENT = re.compile(r"\s*[\w.\[\]:<>()&*+ -]*?[\w\])](\(.*\)| (=|\+=|-=) .*);$")
DECLARATION = re.compile(r"\s*(const |auto |return|constexpr |static |if |for |while |(std::|double |float |bool |T |Cost |Price |hn::)[\w:<>]* ?\w+ ?[={])")


def breaks_of(line):
    """Broken versions of a line, the plainest first."""
    code, comment = (line.split("//", 1) + [""])[:2]
    if NO_CODE.match(line) or not code.strip():
        return
    condition = re.match(r"(\s*(?:\} else )?(?:if|while) \()(.*)(\)(?: \{| continue;| break;| return.*;| [\w:.]+.*;)?)\s*$", code.rstrip())
    if condition and ";" not in condition.group(2) and condition.group(2).count("(") == condition.group(2).count(")"):
        yield f"{condition.group(1)}!({condition.group(2)}){condition.group(3)}"
    if STATEMENT.match(code.rstrip()) and not DECLARATION.match(code) and code.count("(") == code.count(")"):
        yield re.match(r"\s*", code).group() + ";"
    for there, instead in SWAPS:
        broken = re.sub(there, instead, code, count=1)
        if broken != code:
            yield broken.rstrip()
    if re.match(r"\s*return [^;]+;$", code.rstrip()):
        yield re.sub(r"return .*;", "return {};", code.rstrip())


class Workplace:
    """A copy of include/ and of compiled mains; one for each thread."""

    limits = {}  # seconds for each test

    def __init__(self, number):
        self.folder = BUILD / f"place{number}"
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(ROOT / "include", self.folder / "include")

    def compile(self, test):
        command = [*COMPILE, f"-I{self.folder / 'include'}", f"-I{ROOT / 'tests'}", "-I/usr/include/eigen3", "-include", str(BUILD / "precompiled.hpp"),
                   f"-DIMMISCIBLE_TEST_DATA=\"{ROOT / 'tests' / 'data'}\"", str(ROOT / "tests" / f"{test}.cpp"),
                   str(BUILD / "main.o"), "-o", str(self.folder / test), "-lhwy", "-lpthread"]
        return subprocess.run(command, capture_output=True, text=True).returncode == 0

    def passes(self, test):
        try:
            run = subprocess.run([str(self.folder / test), "--abort"], capture_output=True, timeout=self.limits.get(test))
            return run.returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def outcome(self, header, number, lines, broken):
        """killed, survived or unbroken (does not compile)."""
        file = self.folder / "include" / "immiscible" / header
        file.write_text("\n".join(lines[:number] + [broken] + lines[number + 1:]) + "\n")
        try:
            for test in TESTS[header]:
                if not self.compile(test):
                    return "unbroken"
                if not self.passes(test):
                    return "killed"
            return "survived"
        finally:
            file.write_text("\n".join(lines) + "\n")


def key_of(header, number, lines):
    """What tells a line from all others, wherever it moves: its text, and how often the same text stands before it."""
    text = lines[number].strip()
    return header, text, sum(line.strip() == text for line in lines[:number])


def try_line(place, header, number, lines):
    """What became of a line: the record of its first break that compiles."""
    record = {"key": key_of(header, number, lines), "broken": "", "outcome": "unbroken"}
    for broken in list(breaks_of(lines[number]))[:3]:
        outcome = place.outcome(header, number, lines, broken)
        if outcome != "unbroken":
            return {**record, "broken": broken.strip(), "outcome": outcome}
    return record


def latest(log):
    """The last record of each line ever tried, by its key."""
    records = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    return {tuple(r["key"]): r for r in records}


def report(latest, source):
    """Prints what survived, and counts."""
    for header, lines in source.items():
        count = {o: 0 for o in ("killed", "survived", "unbroken")}
        survivors = []
        for number, line in enumerate(lines):
            record = latest.get(key_of(header, number, lines))
            if record:
                count[record["outcome"]] += 1
                if record["outcome"] == "survived":
                    survivors.append(f"  {number + 1}: {line.strip()}\n      -> {record['broken'] or '(left out)'}")
        if sum(count.values()):
            print(f"\n{header}: {count['killed']} killed, {count['survived']} survived, {count['unbroken']} unbroken")
            print("\n".join(survivors), end="\n" if survivors else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("headers", nargs="*", help="of include/immiscible/, or the end of their names (default: all solvers)")
    parser.add_argument("--jobs", type=int, default=1, help="lines tried at once")
    parser.add_argument("--again", action="store_true", help="try once more the lines whose break survived, and no others")
    parser.add_argument("--survivors", action="store_true", help="print what is known and try nothing")
    arguments = parser.parse_args()
    log = BUILD / "log.jsonl"
    headers = [h for h in TESTS if not arguments.headers or any(h.endswith(a) for a in arguments.headers)]
    source = {h: (ROOT / "include" / "immiscible" / h).read_text().splitlines() for h in headers}
    if not arguments.survivors:
        BUILD.mkdir(parents=True, exist_ok=True)
        main_source = str(ROOT / "tests" / "support" / "main.cpp")
        subprocess.run([*COMPILE, "-c", main_source, "-o", str(BUILD / "main.o")], check=True)
        (BUILD / "precompiled.hpp").write_text("#include <catch2/catch.hpp>\n#include <Eigen/Core>\n#include <hwy/highway.h>\n")
        subprocess.run([*COMPILE, "-I/usr/include/eigen3", "-x", "c++-header", str(BUILD / "precompiled.hpp")], check=True)
        places = [Workplace(i) for i in range(arguments.jobs)]
        for test in sorted({t for h in headers for t in TESTS[h]}):  # whole lines first: everything must pass
            compiles = places[0].compile(test)
            start = time.monotonic()
            if not compiles or not places[0].passes(test):
                sys.exit(f"mutate.py: the test {test} fails on the unbroken headers")
            Workplace.limits[test] = 5 + 20 * (time.monotonic() - start)
        outcomes = {key: record["outcome"] for key, record in latest(log).items()}
        wanted = "survived" if arguments.again else None  # None: not tried yet
        todo = [(h, n) for h in headers for n, line in enumerate(source[h])
                if outcomes.get(key_of(h, n, source[h])) == wanted and any(True for _ in breaks_of(line))]
        free, lock, finished = list(places), threading.Lock(), 0

        def work(item):
            nonlocal finished
            with lock:
                place = free.pop()
            record = try_line(place, item[0], item[1], source[item[0]])
            with lock:
                free.append(place)
                finished += 1
                with open(log, "a", encoding="utf-8") as out:
                    out.write(json.dumps(record) + "\n")
                print(f"{finished} of {len(todo)}  {item[0]}:{item[1] + 1}  {record['outcome']}", flush=True)

        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            list(pool.map(work, todo))
    report(latest(log), source)


if __name__ == "__main__":
    main()
