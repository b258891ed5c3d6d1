"""The exact solver beside the solvers that PyPI offers, on real image-noise costs and on families that are hard for solvers.

    ./run bench --peers                    (sets everything up)
    ./run bench --peers --batch 1024 --data photographs --repeat 9
    ./run bench --peers --families         families of costs beside SciPy instead of real ones beside all peers
    ./run bench --peers --end-to-end       distances and assignment, and noise for a trainer, beside LibTorch and SciPy
    ./run bench --peers --scaling          how our time grows from n = 64 to 8192
    ./run bench --peers --nearest          nearest of k drawn in O(d), beside [n, k, d] noises in LibTorch: time and memory

All solve the same costs in the same process, in turns, on one thread; times are processor seconds of the thread; ratios are
taken turn by turn. Every peer gets the form of the costs (-x.e or squared distances) and the type (float32, float64) that
suits it best: all are tried on three batches after one untimed call, and the fastest of each peer are measured. Outside the timed
parts every peer's answer must be a matching (a total above the least is marked in the table), and our prices must prove ours.
"""
import os

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):  # before NumPy reads them
    os.environ[variable] = "1"

import argparse
import ctypes
import importlib
import importlib.metadata
import pathlib
import sys
import time

import numpy as np
from scipy.optimize import linear_sum_assignment

import paper_table
import photographs


# ----------------------------------------------------------------------------------------------------------------- Peers


def imported_from(folder, name):
    """A module of `folder`, although another package has the same name (lap and lapx both call theirs lap)."""
    for loaded in [m for m in sys.modules if m == name or m.startswith(name + ".")]:
        del sys.modules[loaded]
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.pop(0)


def peers(lapx_folder):
    """name -> (function from costs to the column of each row, types that it takes as they are)."""
    import lap
    import lapjv

    lapx = imported_from(lapx_folder, "lap")
    both, double = (np.float32, np.float64), (np.float64,)
    return {
        "scipy": (lambda cost: linear_sum_assignment(cost)[1], double),
        "lapjv": (lambda cost: lapjv.lapjv(cost)[0], both),
        "lap": (lambda cost: lap.lapjv(cost)[1], double),
        "lapx lapjvr": (lambda cost: lapx.lapjvr(cost)[2], both),
        "lapx lapjvh": (lambda cost: lapx.lapjvh(cost)[2], both),
        "lapx lapjvs": (lambda cost: lapx.lapjvs(cost, prefer_float32=cost.dtype == np.float32)[2], both),
    }


def seconds_of(work):
    start = time.thread_time()
    result = work()
    return time.thread_time() - start, result


# ----------------------------------------------------------------------------------------------------------- Real costs


def batches(images, n, seed):
    """One batch after the other: {form: costs in double}."""
    rng = np.random.default_rng(seed)
    while True:
        x = images[rng.choice(len(images), n, replace=False)].astype(np.float32) / 127.5 - 1
        e = rng.standard_normal(x.shape, dtype=np.float32)
        product = -(x @ e.T)
        squares = 2 * product + (x * x).sum(1)[:, None] + (e * e).sum(1)
        yield {"-x.e": product, "squared": squares}


def measure_real(images, n, repetitions, ours, solvers, patience):
    """Rows (our seconds, {peer: seconds}), the variant that each peer was measured on, and the peers that were wrong."""
    stream = batches(images, n, n)
    trials = [next(stream) for _ in range(4)]  # the first warms up
    chosen, wrong = {}, set()
    for name, (solve, types) in solvers.items():
        tried = {}
        for form in trials[0]:
            for dtype in types:
                for trial, costs in enumerate(trials):
                    typed = np.ascontiguousarray(costs[form], dtype)
                    seconds = seconds_of(lambda: solve(typed))[0]
                    if trial or seconds >= patience:
                        tried[form, dtype] = min(seconds, tried.get((form, dtype), np.inf))
                    if seconds >= patience:
                        break
        best = min(tried, key=tried.get)
        if tried[best] < patience:
            chosen[name] = best
    ours.solve(trials[0]["-x.e"])
    rows = []
    for repetition in range(repetitions):
        costs = next(stream)
        double = costs["-x.e"].astype(np.float64)
        work = {"immiscible": lambda: ours.solve(costs["-x.e"])}
        for name, (form, dtype) in chosen.items():
            typed = np.ascontiguousarray(costs[form], dtype)
            work[name] = lambda solve=solvers[name][0], typed=typed: seconds_of(lambda: solve(typed))
        names = list(work)[:: -1 if repetition % 2 else 1]
        results = {name: work[name]() for name in names}
        seconds, answer, proved = results.pop("immiscible")
        least = double[np.arange(n), answer].sum()
        if not proved:
            sys.exit(f"peers: n = {n}: our prices do not prove our answer")
        for name, (_, columns) in results.items():
            columns = np.asarray(columns)
            if not np.array_equal(np.sort(columns), np.arange(n)):
                sys.exit(f"peers: n = {n}: {name}'s answer is no matching")
            total = double[np.arange(n), columns].sum()
            if abs(total - least) > 1e-5 * abs(least):
                print(f"  (n = {n}: {name} totals {total:.6f}, the least is {least:.6f})", file=sys.stderr)
                wrong.add(name)
        rows.append((seconds, {name: result[0] for name, result in results.items()}))
    return rows, chosen, wrong


def ratio(values):
    values = np.asarray(values)
    digits = 0 if np.median(values) >= 20 else 1
    return f"{np.median(values):.{digits}f} [{values.min():.{digits}f}, {values.max():.{digits}f}]"


def print_real(name, images, arguments, ours, solvers):
    print(f"\n{name} (d = {images.shape[1]}): peer's time / ours, median [least, most] of {arguments.repeat} batches\n")
    columns = list(solvers)
    print("    n  ours, ms  " + "".join(f"{column:>18}" for column in columns) + "   best but SciPy on")
    sizes, medians = [], []
    for n in arguments.batch:
        rows, chosen, wrong = measure_real(images, n, arguments.repeat, ours, solvers, arguments.patience)
        own = np.array([row[0] for row in rows])
        sizes.append(n)
        medians.append(np.median(own))
        cells = []
        for column in columns:
            cells.append(ratio([row[1][column] / row[0] for row in rows]) if column in chosen else "too slow")
            cells[-1] += " (wrong)" if column in wrong else ""
        rest = [c for c in columns if c != "scipy" and c in chosen and c not in wrong]
        best = min(rest, key=lambda c: np.median([row[1][c] for row in rows])) if rest else None
        form = f"{best}: {chosen[best][0]} {np.dtype(chosen[best][1])}" if best else "-"
        print(f"{n:5d}  {1e3 * np.median(own):8.3f}  " + "".join(f"{cell:>18}" for cell in cells) + f"   {form}",
              flush=True)
    if len(sizes) > 2:
        exponent = np.polyfit(np.log(sizes), np.log(medians), 1)[0]
        print(f"\nours grows as n^{exponent:.2f} from n = {sizes[0]} to {sizes[-1]}")


def print_scaling(name, images, arguments, ours):
    """Our time by n; costs just made, so those that fit no cache come from memory."""
    print(f"\n{name} (d = {images.shape[1]}): our time, median of {arguments.repeat} batches\n")
    print("    n  costs, MB          ms  ns a row  ns a cost  GB/s read  exponent since the size before")
    sizes, medians = [], []
    for n in arguments.batch:
        stream, times = batches(images, n, n), []
        for repetition in range(-1, arguments.repeat):
            seconds, _, proved = ours.solve(next(stream)["-x.e"])
            if not proved:
                sys.exit(f"peers: n = {n}: our prices do not prove our answer")
            if repetition >= 0:
                times.append(seconds)
        sizes.append(n)
        medians.append(np.median(times))
        slope = np.log(medians[-1] / medians[-2]) / np.log(sizes[-1] / sizes[-2]) if len(sizes) > 1 else np.nan
        print(f"{n:5d}  {4e-6 * n * n:9.2f}  {1e3 * medians[-1]:10.3f}  {1e9 * medians[-1] / n:8.0f}  "
              f"{1e9 * medians[-1] / n**2:9.2f}  {4e-9 * n * n / medians[-1]:9.1f}  {slope:8.2f}", flush=True)
    exponent = np.polyfit(np.log(sizes), np.log(medians), 1)[0]
    print(f"\nours grows as n^{exponent:.2f} from n = {sizes[0]} to {sizes[-1]}")


# -------------------------------------------------------------------------------------------------------------- Families


def families(n, seed):
    """name -> costs [n, n], float32: what is hard for one solver or another."""
    rng = np.random.default_rng(seed)
    f = np.float32
    points, others = rng.random((n, 2)), rng.random((n, 2))
    index = np.arange(1, n + 1)
    duplicated = rng.random((n // 4 + 1, n))[rng.integers(n // 4 + 1, size=n)]
    huge = rng.random((n, n))
    huge[n // 2] *= 1e6
    wide = np.exp(20 * rng.random((n, n)))
    alike = -(3 + rng.normal(size=(n, 48))) @ rng.normal(size=(48, n))  # as of images: rows want the same columns
    chance = rng.random((n, n))
    return {
        "uniform": rng.random((n, n)).astype(f),
        "points in the plane": np.linalg.norm(points[:, None] - others[None], axis=2).astype(f),
        "Machol-Wien": np.outer(index, index).astype(f),
        "constant": np.full((n, n), 3, f),
        "0 or 1": rng.integers(0, 2, (n, n)).astype(f),
        "integers 0 to 9": rng.integers(0, 10, (n, n)).astype(f),
        "integers 0 to n": rng.integers(0, n + 1, (n, n)).astype(f),
        "duplicate rows": duplicated.astype(f),
        "one huge row": huge.astype(f),
        "near-equal floats": (1 + 1e-6 * rng.random((n, n))).astype(f),
        "e^(0 to 20)": wide.astype(f),
        "0 to 9, tenth forbidden": np.where(chance < 0.1, np.inf, rng.integers(0, 10, (n, n))).astype(f),
        "a tenth forbidden": np.where(chance < 0.1, np.inf, alike).astype(f),
        "half forbidden": np.where(chance < 0.5, np.inf, alike).astype(f),
        "all but classes of n / 8": np.where(index[:, None] % 8 == index % 8, alike, np.inf).astype(f),
    }


def print_families(arguments, ours):
    print(f"\nSciPy's time / ours, median of {arguments.repeat}; below 0.5: more than twice as slow as SciPy\n")
    sizes = arguments.batch
    print(f"{'family':24}" + "".join(f"{n:>9}" for n in sizes))
    worst = []
    for name in families(2, 0):
        cells = []
        for n in sizes:
            ratios = []
            for repetition in range(arguments.repeat):
                cost = families(n, 100 * n + repetition)[name]
                double = cost.astype(np.float64)
                if repetition == 0:  # both warm up, on another problem
                    other = families(n, 100 * n + arguments.repeat)[name]
                    ours.solve(other)
                    linear_sum_assignment(other.astype(np.float64))
                results = paper_table.turns(repetition, lambda: ours.solve(cost),
                                            lambda: seconds_of(lambda: linear_sum_assignment(double)[1]))
                (seconds, answer, proved), (theirs, columns) = results
                least = double[np.arange(n), columns].sum()
                if not proved or abs(double[np.arange(n), answer].sum() - least) > 1e-9 * max(1, abs(least)):
                    sys.exit(f"peers: {name}, n = {n}: proved {proved}, SciPy's total {least!r}")
                ratios.append(theirs / seconds)
            cells.append(np.median(ratios))
        worst.append((min(cells), name))
        print(f"{name:24}" + "".join(f"{cell:9.2f}" for cell in cells), flush=True)
    print(f"\nworst: {min(worst)[1]}, {min(worst)[0]:.2f}")


# ------------------------------------------------------------------------------------------------------------ End to end


class TorchPeer:
    """LibTorch's functions, called through ctypes."""

    def __init__(self, path):
        self.library = ctypes.CDLL(str(path))
        for name in ("cdist", "randn", "nearest"):
            getattr(self.library, f"torch_peer_{name}").restype = ctypes.c_double

    def cdist(self, images, noise, out):
        pointers = [a.ctypes.data_as(ctypes.c_void_p) for a in (images, noise, out)]
        return self.library.torch_peer_cdist(*pointers[:2], *map(ctypes.c_size_t, images.shape), pointers[2])

    def randn(self, n, d):
        return self.library.torch_peer_randn(ctypes.c_size_t(n), ctypes.c_size_t(d))


    def nearest(self, images, k, out):
        pointers = [a.ctypes.data_as(ctypes.c_void_p) for a in (images, out)]
        return self.library.torch_peer_nearest(pointers[0], *map(ctypes.c_size_t, (*images.shape, k)), pointers[1])


def peak_megabytes(work):
    """How far the memory of this process rises while it works, in a child whose free memory went back to the system."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        field = lambda name: int(next(l for l in open("/proc/self/status") if l.startswith(name)).split()[1])
        work()  # its code is loaded then
        ctypes.CDLL(None).malloc_trim(0)
        with open("/proc/self/clear_refs", "w") as reset:
            reset.write("5")  # the peak starts anew
        before = field("VmRSS")
        work()
        os.write(writer, str(field("VmHWM") - before).encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as answer:
        return int(answer.read()) / 1024


def print_nearest(name, images, arguments, ours, torch):
    d = images.shape[1]
    print(f"\n{name} (d = {d}): milliseconds, median of {arguments.repeat} batches; ratios median [least, most]\n")
    print("    n     k     randn     drawn   /randn                [n, k, d]   /drawn            MB: drawn   [n, k, d]")
    for n in arguments.batch:
        rng = np.random.default_rng(n)
        x = images[rng.choice(len(images), n, replace=False)].astype(np.float32) / 127.5 - 1
        out = np.empty_like(x)
        for k in (4, 16, 64):
            rows = np.array([paper_table.turns(r, lambda: torch.randn(n, d), lambda: ours.draw_nearest(x, k, r, out),
                                               lambda: torch.nearest(x, k, out)) for r in range(arguments.repeat + 1)])
            plain, drawn, brute = rows[1:].T  # the first warms up
            megabytes = [peak_megabytes(work) for work in (lambda: ours.draw_nearest(x, k, 0, np.empty_like(x)),
                                                           lambda: torch.nearest(x, k, np.empty_like(x)))]
            print(f"{n:5d} {k:5d}  {1e3 * np.median(plain):8.3f}  {1e3 * np.median(drawn):8.3f}   "
                  f"{np.median(drawn / plain):.2f} [{(drawn / plain).min():.2f}, {(drawn / plain).max():.2f}]   "
                  f"{1e3 * np.median(brute):12.2f}   {ratio(brute / drawn):<18}"
                  f"{megabytes[0]:8.1f}   {megabytes[1]:9.1f}", flush=True)


def print_end_to_end(name, images, arguments, ours, torch):
    """Ours in float and in bytes beside cdist + SciPy; two threads beside one; noise_matcher beside randn."""
    d = images.shape[1]
    print(f"\n{name} (d = {d}): milliseconds, median of {arguments.repeat} batches; ratios median [least, most]\n")
    print("    n     cdist + SciPy   float32    ratio              int8    ratio              kept, %     "
          "randn  draw + int8   /randn              2 threads: float32        int8")
    for n in arguments.batch:
        rng = np.random.default_rng(n)
        rows = []
        for repetition in range(-1, arguments.repeat):
            x = images[rng.choice(len(images), n, replace=False)].astype(np.float32) / 127.5 - 1
            e = rng.standard_normal(x.shape, dtype=np.float32)
            distances = np.empty((n, n), np.float32)

            def torch_and_scipy():
                seconds = torch.cdist(x, e, distances)
                return seconds + seconds_of(lambda: linear_sum_assignment(distances))[0]

            theirs, full, int8, drawn, matched = paper_table.turns(
                repetition, torch_and_scipy, lambda: ours.pair_in(x, e, 0), lambda: ours.pair_in(x, e, 2),
                lambda: torch.randn(n, d), lambda: ours.match(x, repetition + 1))
            if not int8[2]:
                sys.exit("peers: precision::automatic did not choose int8")
            walls = []
            for precision in (0, 1):
                def by_the_clock(threads):
                    start = time.perf_counter()
                    ours.pair_in(x, e, precision, threads)
                    return time.perf_counter() - start
                walls += paper_table.turns(repetition, lambda: by_the_clock(1), lambda: by_the_clock(2))
            product = x.astype(np.float64) @ e.T.astype(np.float64)
            unpaired = product.mean() * n
            kept = [product[np.arange(n), pairs].sum() - unpaired for pairs in (full[1], int8[1])]
            if repetition >= 0:
                rows.append((theirs, full[0], int8[0], 100 * kept[1] / kept[0], drawn, matched,
                             walls[0] / walls[1], walls[2] / walls[3]))
        theirs, full, int8, kept, drawn, matched, two_full, two_int8 = np.array(rows).T
        ms = lambda values: f"{1e3 * np.median(values):.2f}"
        print(f"{n:5d}  {ms(theirs):>16}  {ms(full):>8}  {ratio(theirs / full):<17}  {ms(int8):>5}  "
              f"{ratio(theirs / int8):<17}  {np.min(kept):.3f}   {ms(drawn):>8}  {ms(matched):>11}   "
              f"{np.median(matched / drawn):.2f} [{(matched / drawn).min():.2f}, {(matched / drawn).max():.2f}]"
              f"        {np.median(two_full):.2f}x        {np.median(two_int8):.2f}x", flush=True)
    print("\nProcessor time of one thread; two threads: by the clock, one thread's time / two threads'. kept: the least share of\n"
          "the exact reduction that pairs from bytes keep.")


def main():
    here = pathlib.Path(__file__).resolve().parent
    build = here.parent / "build"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", default=build / "benchmarks/lib/libpaper_table.so", help="default: %(default)s")
    parser.add_argument("--lapx", default=build / "python-lapx", help="folder of lapx, default: %(default)s")
    parser.add_argument("--data-dir", default="/usr/share/datasets/fashion-mnist", help="default: %(default)s")
    parser.add_argument("--data", choices=["fashion-mnist", "photographs"], nargs="+",
                        default=["fashion-mnist", "photographs"], help="default: both")
    parser.add_argument("--batch", type=int, nargs="+", help="sizes (128 to 2048; with --scaling 64 to 8192, with --nearest 16 and 64)")
    parser.add_argument("--repeat", type=int, default=7, help="batches of each size (default: %(default)s)")
    parser.add_argument("--patience", type=float, default=20, help="seconds: slower peers are left out (%(default)s)")
    parser.add_argument("--end-to-end", action="store_true", help="distances, assignment and noise beside LibTorch, SciPy")
    parser.add_argument("--families", action="store_true", help="families of costs beside SciPy")
    parser.add_argument("--nearest", action="store_true", help="nearest of k, drawn, beside LibTorch")
    parser.add_argument("--scaling", action="store_true", help="ours alone, by size")
    arguments = parser.parse_args()
    if not arguments.batch:
        arguments.batch = [2**e for e in (range(6, 14) if arguments.scaling else range(7, 12))]
        if arguments.nearest:
            arguments.batch = [16, 64]
    ours = paper_table.Immiscible(arguments.library)
    versions = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in ("scipy", "lapjv", "lap"))
    lapx = next(importlib.metadata.distributions(name="lapx", path=[str(arguments.lapx)]), None)
    print(f"One thread of {paper_table.processor()}; {versions}, lapx {lapx.version if lapx else '(missing)'}.")
    if arguments.families:
        return print_families(arguments, ours)
    if arguments.scaling:
        show = lambda name, images: print_scaling(name, images, arguments, ours)
    elif arguments.end_to_end or arguments.nearest:
        torch = TorchPeer(pathlib.Path(arguments.library).with_name("libtorch_peer.so"))
        table = print_nearest if arguments.nearest else print_end_to_end
        show = lambda name, images: table(name, images, arguments, ours, torch)
    else:
        solvers = peers(arguments.lapx)
        show = lambda name, images: print_real(name, images, arguments, ours, solvers)
    if "fashion-mnist" in arguments.data:
        show("Fashion-MNIST", paper_table.load_images(arguments.data_dir))
    if "photographs" in arguments.data:
        crops = build / "photographs.npy"
        if not crops.exists():
            part = crops.with_suffix(".part.npy")
            np.save(part, photographs.crops(photographs.PHOTOGRAPHS, 12288))
            os.replace(part, crops)  # whole, or not there
        show("Photograph crops", np.load(crops))


if __name__ == "__main__":
    main()
