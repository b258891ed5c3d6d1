"""The paper's table on this machine: exact pairing of a batch of real images with noise, beside SciPy's pipeline.

    python3 paper_table.py --library build/benchmarks/lib/libpaper_table.so      (./run bench does all of it)

Both do the same work on the same data in the same process, in turns, on one thread: squared distances in float32, then the
assignment. Times are processor seconds of the thread, so that other programs on the machine disturb little; ratios are
taken turn by turn. Outside the timed parts every answer is checked: our total must equal SciPy's, and our prices must
prove that nothing is cheaper.
"""
import os

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):  # before NumPy reads them
    os.environ[variable] = "1"

import argparse
import ctypes
import gzip
import pathlib
import sys
import time

import numpy as np
import scipy
from scipy.optimize import linear_sum_assignment

# Li et al., Immiscible Diffusion, NeurIPS 2024: linear assignment on an A6000 (its solver on the CPU).
PAPER_MS = {128: 5.4, 256: 6.7, 512: 8.8, 1024: 22.8}
PAPER_CHANGE = {128: -1.93, 256: -2.16, 512: -2.32, 1024: -2.44}


class Immiscible:
    """The library's functions, called through ctypes; every method returns (seconds, result)."""

    def __init__(self, path):
        self.library = ctypes.CDLL(str(path))
        self.library.paper_table_error.restype = ctypes.c_char_p
        for name in ("pair", "pair_in", "match", "cost", "solve", "draw_nearest"):
            getattr(self.library, f"paper_table_{name}").restype = ctypes.c_double

    def call(self, name, *arguments):
        pointers = [a.ctypes.data_as(ctypes.c_void_p) if isinstance(a, np.ndarray) else ctypes.c_size_t(a)
                    for a in arguments]
        seconds = getattr(self.library, f"paper_table_{name}")(*pointers)
        if seconds < 0:
            raise RuntimeError(self.library.paper_table_error().decode())
        return seconds

    def pair(self, images, noise):
        n, d = images.shape
        noise_of_image = np.empty(n, np.int32)
        return self.call("pair", images, noise, n, d, noise_of_image), noise_of_image

    def pair_in(self, images, noise, precision, threads=1):
        """precision: 0 full, 1 int8, 2 automatic; returns also whether bytes were used."""
        n, d = images.shape
        noise_of_image, chosen = np.empty(n, np.int32), np.zeros(1, np.int32)
        seconds = self.call("pair_in", images, noise, n, d, precision, threads, noise_of_image, chosen)
        return seconds, noise_of_image, bool(chosen[0])

    def match(self, images, step):
        return self.call("match", images, *images.shape, step)

    def draw_nearest(self, images, k, step, out):
        return self.call("draw_nearest", images, *images.shape, k, step, out)

    def cost(self, images, noise, out):
        return self.call("cost", images, noise, *images.shape, out)

    def solve(self, cost):
        noise_of_image, proved = np.empty(len(cost), np.int32), np.zeros(1, np.int32)
        seconds = self.call("solve", cost, len(cost), noise_of_image, proved)
        return seconds, noise_of_image, bool(proved[0])


class SciPy:
    """What users write today, with its memory kept between calls: a product for the distances, then SciPy's solver."""

    def cost(self, images, noise, out):
        start = time.thread_time()
        np.matmul(images, noise.T, out=out)
        out *= -2
        out += np.einsum("ik,ik->i", images, images)[:, None]
        out += np.einsum("ik,ik->i", noise, noise)
        return time.thread_time() - start

    def solve(self, cost):
        start = time.thread_time()
        _, columns = linear_sum_assignment(cost)
        return time.thread_time() - start, columns


def mean_distance(images, noise):
    return np.linalg.norm(images.astype(np.float64) - noise, axis=1).mean()


def turns(order, *parties):
    """Calls the parties, every other time in reverse; returns their results in the order given."""
    results = {}
    for index in list(range(len(parties)))[:: -1 if order % 2 else 1]:
        results[index] = parties[index]()
    return [results[index] for index in range(len(parties))]


def measure(n, repetitions, images_of_all, ours, scipys, progress):
    """Times `repetitions` batches of n; returns columns of numbers, one entry for each batch."""
    rng = np.random.default_rng(n)
    d = images_of_all.shape[1]
    cost, theirs_cost = np.empty((n, n), np.float32), np.empty((n, n), np.float32)
    rows = []
    for repetition in range(-1, repetitions):  # the first one only warms up
        progress(f"batch {n}: {max(repetition, 0)} of {repetitions}")
        images = images_of_all[rng.choice(len(images_of_all), n, replace=False)].astype(np.float32) / 127.5 - 1
        noise = rng.standard_normal((n, d), dtype=np.float32)

        def pair_with_scipy():
            seconds = scipys.cost(images, noise, theirs_cost)
            solve_seconds, columns = scipys.solve(theirs_cost)
            return seconds + solve_seconds, columns

        (pair, pairs), (scipy_pair, scipy_pairs) = turns(repetition, lambda: ours.pair(images, noise), pair_with_scipy)
        cost_only, scipy_cost_only = turns(repetition, lambda: ours.cost(images, noise, cost),
                                           lambda: scipys.cost(images, noise, theirs_cost))
        double_cost = cost.astype(np.float64)  # what SciPy's solver works on: converted for it, outside the time
        (solve, answer, proved), (scipy_solve, scipy_answer) = turns(repetition, lambda: ours.solve(cost),
                                                                     lambda: scipys.solve(double_cost))

        total, scipy_total = (double_cost[np.arange(n), columns].sum() for columns in (answer, scipy_answer))
        if not proved or abs(total - scipy_total) > 1e-9 * abs(scipy_total):
            sys.exit(f"paper_table: batch {n}: total {total!r}, SciPy's {scipy_total!r}, proved: {proved}")
        if np.abs(theirs_cost - cost).max() > 1e-5 * cost.max():
            sys.exit(f"paper_table: batch {n}: the squared distances differ")
        totals = [double_cost[np.arange(n), columns].sum() for columns in (pairs, scipy_pairs)]
        if max(totals) - scipy_total > 1e-6 * abs(scipy_total):  # their own costs are rounded a little differently
            sys.exit(f"paper_table: batch {n}: pairing end to end totals {totals}, the least is {scipy_total!r}")
        change = 100 * (mean_distance(images, noise[pairs]) / mean_distance(images, noise) - 1)
        if repetition >= 0:
            rows.append((change, pair, scipy_pair, cost_only, scipy_cost_only, solve, scipy_solve))
    return np.array(rows).T


def ratio_text(theirs, ours):
    ratio = theirs / ours
    digits = 0 if np.median(ratio) >= 20 else 1
    return f"{np.median(ratio):.{digits}f} [{ratio.min():.{digits}f}, {ratio.max():.{digits}f}]".rjust(16)


def processor():
    for line in open("/proc/cpuinfo", encoding="utf-8"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown processor"


def progress_line():
    """Shows what is being done, on a terminal's standard error only."""
    if not sys.stderr.isatty():
        return lambda text: None
    return lambda text: print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def refuse(message):
    print(f"paper_table: {message}", file=sys.stderr)
    sys.exit(2)


def load_images(folder):
    path = pathlib.Path(folder) / "train-images-idx3-ubyte.gz"
    try:
        return np.frombuffer(gzip.open(path).read(), np.uint8, offset=16).reshape(-1, 784)
    except (OSError, EOFError, ValueError) as error:
        refuse(f"needs Fashion-MNIST, got {error} (Debian package dataset-fashion-mnist)")


def main():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", default=here.parent / "build/benchmarks/lib/libpaper_table.so",
                        help="libpaper_table.so of the build (default: %(default)s)")
    parser.add_argument("--data-dir", default="/usr/share/datasets/fashion-mnist", help="default: %(default)s")
    parser.add_argument("--batch", type=int, nargs="+", default=[128, 256, 512, 1024], help="default: the paper's")
    parser.add_argument("--repeat", type=int, default=11, help="batches measured for each size (default: %(default)s)")
    parser.error = refuse
    arguments = parser.parse_args()
    if arguments.repeat < 1 or min(arguments.batch) < 1:
        refuse("needs --repeat >= 1 and --batch >= 1")
    if not pathlib.Path(arguments.library).exists():
        refuse(f"needs the built library, got {arguments.library} (./run bench builds it)")
    images = load_images(arguments.data_dir)
    if max(arguments.batch) > len(images):
        refuse(f"needs --batch <= {len(images)}, the number of images")
    ours, scipys, progress = Immiscible(arguments.library), SciPy(), progress_line()

    print(f"Exact pairing of Fashion-MNIST batches (d = 784) with Gaussian noise, squared distances in float32.\n"
          f"One thread of {processor()}; SciPy {scipy.__version__}, NumPy {np.__version__}.\n"
          f"Medians of {arguments.repeat} batches, both measured in turns; ratios: SciPy's time / ours, median [least, most].\n")
    print("       change of the        pairing, ms                        SciPy / immiscible\n"
          "       mean distance\n"
          "batch     here    paper  immiscible   SciPy  A6000       both together   distances alone  assignment alone")
    for n in arguments.batch:
        change, pair, scipy_pair, cost, scipy_cost, solve, scipy_solve = measure(
            n, arguments.repeat, images, ours, scipys, progress)
        progress("")
        print(f"{n:5d}  {np.median(change):5.2f} %  {PAPER_CHANGE.get(n, '-'):>5} {'%' if n in PAPER_CHANGE else ' '}  "
              f"{1e3 * np.median(pair):10.3f}  {1e3 * np.median(scipy_pair):6.1f}  {PAPER_MS.get(n, '-'):>5}   "
              f"{ratio_text(scipy_pair, pair)}   {ratio_text(scipy_cost, cost)}   {ratio_text(scipy_solve, solve)}",
              flush=True)
    print("\nEvery total equals SciPy's, and every answer is proved by its prices. `paper` and `A6000` are the paper's own\n"
          "figures for linear assignment: its images, a GPU for the distances, its solver on the CPU.")


if __name__ == "__main__":
    main()
