#!/usr/bin/env python3
"""Draws the pictures of docs/ and prints the figures that stand beside them.

    ./run example pair --help > /dev/null                   # builds the program that pairs
    python3 docs/pictures/make_pictures.py                  # everything, about 30 minutes
    python3 docs/pictures/make_pictures.py paths noise_map  # some of it

Pictures: paths, noise_map, average_prediction, distance_by_batch, nearest_of_k. Tables without a picture: methods,
explained.

Every pairing comes from the library, through the program `pair` on .npy files; the noise of nearest_of_k through
nearest_of_k.cpp, compiled here by $CXX or c++, with pkg-config's flags for eigen3. Needs NumPy, matplotlib and Pillow,
which matplotlib brings (PyPI, or Debian's python3-matplotlib); all but paths, noise_map and nearest_of_k need
Fashion-MNIST (Debian's dataset-fashion-mnist).
"""

import argparse
import gzip
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"]  # Okabe and Ito: distinct to every eye
GREY, INK = "#9a9a9a", "#222222"
PAPER = {128: -1.93, 256: -2.16, 512: -2.32, 1024: -2.44}  # Li et al. (2024), change of the mean distance in per cent


class Pairing:
    """The program `pair` on arrays."""

    def __init__(self, program):
        self.program = program
        self.folder = tempfile.TemporaryDirectory()

    def __call__(self, images, noise, method="exact", cost="squared_l2", repeat=1):
        """The noise row of each image, and what the program reports."""
        folder = pathlib.Path(self.folder.name)
        np.save(folder / "images.npy", np.asarray(images, np.float32))
        np.save(folder / "noise.npy", np.asarray(noise, np.float32))
        command = [self.program, "--images", folder / "images.npy", "--noise", folder / "noise.npy"]
        command += [
            "--method",
            method,
            "--cost",
            cost,
            "--repeat",
            str(repeat),
            "--out",
            folder / "permutation.npy",
            "--json",
        ]
        report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        return np.load(folder / "permutation.npy"), report


def fashion_mnist(folder, part):
    """Images [n, 784] in [-1, 1]."""
    with gzip.open(pathlib.Path(folder) / f"{part}-images-idx3-ubyte.gz") as file:
        return np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 784) / np.float32(127.5) - np.float32(1)


def save(figure, options, name):
    path = options.out / f"{name}.png"
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=options.dpi, facecolor="white")
    plt.close(figure)
    Image.open(drawn).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(
        path, optimize=True
    )  # a third of the bytes
    print(f"{path.name}: {path.stat().st_size // 1024} KB", flush=True)


def bare(axes, reach):
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])


# ------------------------------------------------------------------------------------------------------- 2-D: paths


def four_clusters(rng, n):
    """2-D images in four small clusters, and the cluster of each."""
    cluster = np.arange(n) % 4
    angle = np.pi / 4 + cluster * np.pi / 2
    centres = 1.5 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return centres + 0.12 * rng.standard_normal((n, 2)), cluster


def average_image(at, noise, images, width=0.3):
    """The average of the images whose noise is near each point of `at` (Gaussian weights)."""
    squares = ((at[:, None, :] - noise[None, :, :]) ** 2).sum(-1)
    weight = np.exp(-squares / (2 * width**2))
    return weight @ images / weight.sum(1, keepdims=True)


def paths(options, pair):
    rng = np.random.default_rng(11)
    n = 128
    images, cluster = four_clusters(rng, n)
    noise = rng.standard_normal((n, 2))
    exact, _ = pair(images, noise)

    many_images, many_noise, many_exact = [], [], []
    for _ in range(40):  # 40 more batches, for the averages
        x, _ = four_clusters(rng, n)
        e = rng.standard_normal((n, 2))
        many_images.append(x)
        many_noise.append(e)
        many_exact.append(e[pair(x, e)[0]])
    many_images, many_noise, many_exact = map(np.concatenate, (many_images, many_noise, many_exact))

    figure, axes = plt.subplots(2, 2, figsize=(8.6, 8.9))
    grid = np.stack(np.meshgrid(*[np.linspace(-1.75, 1.75, 6)] * 2), axis=-1).reshape(-1, 2)
    grid = grid[(grid**2).sum(1) < 5]
    cases = [("Random pairing", np.arange(n), many_noise), ("Exact pairing, batches of 128", exact, many_exact)]
    for column, (title, order, matched) in enumerate(cases):
        top, bottom = axes[:, column]
        for i in range(n):
            top.plot(*np.stack([noise[order[i]], images[i]]).T, color=COLOURS[cluster[i]], lw=0.7, alpha=0.65)
        top.scatter(*noise.T, s=9, color=GREY, zorder=3, lw=0)
        for c in range(4):
            top.scatter(*images[cluster == c].T, s=22, color=COLOURS[c], zorder=4, edgecolor="white", lw=0.4)
        distance = np.linalg.norm(images - noise[order], axis=1).mean()
        top.set_title(f"{title}\nmean distance of the pairs {distance:.2f}", fontsize=11)

        predicted = average_image(grid, matched, many_images)
        for start, end in zip(grid, predicted):
            bottom.annotate(
                "", end, start, arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 1, "shrinkA": 0, "shrinkB": 0}
            )
        bottom.scatter(*grid.T, s=16, color=GREY, zorder=3, lw=0)
        for c in range(4):
            bottom.scatter(*images[cluster == c].T, s=22, color=COLOURS[c], zorder=1, edgecolor="white", lw=0.4)
    for a in axes.flat:
        bare(a, 2.9)
    axes[0, 0].set_ylabel("One batch: the straight paths from\nnoise (grey) to image (coloured)", fontsize=10.5)
    axes[1, 0].set_ylabel(
        "What the network can learn at pure noise:\nthe average image over all pairs near a noise", fontsize=10.5
    )
    axes[1, 0].set_xlabel("every arrow ends in the middle: no image lies there", fontsize=10.5)
    axes[1, 1].set_xlabel("arrows end near images: the first step is right already", fontsize=10.5)
    figure.tight_layout()
    save(figure, options, "paths")


# --------------------------------------------------------------------------------------------------- 2-D: noise map


def noise_map(options, pair):
    centres = np.array([[-1.5, 0.9], [-0.3, 1.5], [1.4, 1.0], [0.3, 0.1], [-1.1, -1.2], [1.2, -1.1]])
    total = 6000
    cases = [
        ("Random pairing", "none", 600, 1),
        ("Nearest of 4", "nearest", 600, 4),
        ("Exact, batches of 24", "exact", 24, 1),
        ("Exact, batches of 600", "exact", 600, 1),
    ]
    figure, axes = plt.subplots(1, 4, figsize=(13.2, 4.1))
    for a, (title, method, batch, k) in zip(axes, cases):
        rng = np.random.default_rng(2)  # the same noise for all but the nearest of 4, which draws more
        kept, label = [], []
        for _ in range(total // batch):
            image = np.arange(batch) % 6
            noise = rng.standard_normal((batch * k, 2))
            order, _ = pair(centres[image], noise, method)
            kept.append(noise[order])
            label.append(image)
        kept, label = np.concatenate(kept), np.concatenate(label)
        shuffled = rng.permutation(total)
        a.scatter(*kept[shuffled].T, s=2.6, c=np.array(COLOURS)[label[shuffled]], lw=0, rasterized=True)
        for c, centre in enumerate(centres):
            a.scatter(*centre, s=130, color=COLOURS[c], edgecolor=INK, lw=1.3, zorder=3)
        length = (kept**2).sum(1).mean() / 2
        a.set_title(title, fontsize=11.5)
        a.set_xlabel(
            f"mean $|e|^2/d$ = {length:.2f}" + (": shorter than drawn" if k > 1 else ": as drawn"), fontsize=10.5
        )
        bare(a, 3.1)
        print(f"noise map, {title}: |e|^2/d = {length:.3f}")
    figure.suptitle(
        "Six images (large dots) and the noise that each is trained with (small dots, in its colour)", fontsize=12
    )
    figure.tight_layout()
    save(figure, options, "noise_map")


# ------------------------------------------------------------------------------------------------- Fashion-MNIST


def pairs_of(pair, images, rng, method, batch, k=1, repeat=1, cost="squared_l2", less=0):
    """Batches of (images, matched noise), all images in random order, `repeat` times.

    `less` is subtracted from the images for the pairing only.
    """
    for _ in range(repeat):
        order = rng.permutation(len(images))
        for first in range(0, len(images) - batch + 1, batch):
            x = images[order[first : first + batch]]
            e = rng.standard_normal((batch * k, x.shape[1]), dtype=np.float32)
            yield x, e[pair(x - less, e, method, cost)[0]]


def linear_prediction(batches):
    """The best linear prediction of the image from its noise: (mean image, matrix, mean noise)."""
    n, sum_x, sum_e, xe, ee = 0, 0, 0, 0, 0
    for x, e in batches:
        n, sum_x, sum_e = n + len(x), sum_x + x.sum(0, dtype=np.float64), sum_e + e.sum(0, dtype=np.float64)
        xe, ee = xe + (x.T @ e).astype(np.float64), ee + (e.T @ e).astype(np.float64)
    x0, e0 = sum_x / n, sum_e / n
    return x0, np.linalg.solve(ee / n - np.outer(e0, e0), (xe / n - np.outer(x0, e0)).T).T, e0


def explained_share(batches, x0, matrix, e0):
    """The share of the images' variance that the prediction explains, in per cent."""
    before = left = 0
    for x, e in batches:
        before += ((x - x0) ** 2).sum(dtype=np.float64)
        left += ((x - x0 - (e - e0) @ matrix.T) ** 2).sum(dtype=np.float64)
    return 100 * (1 - left / before)


def average_prediction(options, pair):
    train, test = fashion_mnist(options.data_dir, "train"), fashion_mnist(options.data_dir, "t10k")
    cases = [("random", "none", 1024, 1), ("nearest of 8", "nearest", 512, 8), ("exact", "exact", 1024, 1)]
    rows, distances, lengths, explained = {}, {}, {}, {}
    shown = np.random.default_rng(5).standard_normal((7, 784), dtype=np.float32)
    for name, method, batch, k in cases:
        rng = np.random.default_rng(4)
        x0, matrix, e0 = linear_prediction(pairs_of(pair, train, rng, method, batch, k, options.repeat))
        rows[name] = x0 + (shown - e0) @ matrix.T
        pairs = list(pairs_of(pair, test, rng, method, batch, k))
        explained[name] = explained_share(pairs, x0, matrix, e0)
        x, e = (np.concatenate(part).astype(np.float64) for part in zip(*pairs))
        distances[name] = 100 * (np.linalg.norm(x - e, axis=1) / np.sqrt((x**2).sum(1) + 784) - 1)
        lengths[name] = (e**2).mean(1)
        print(
            f"Fashion-MNIST, {name}: explained on test pairs {explained[name]:.2f} %, "
            f"distance {distances[name].mean():+.2f} %, "
            f"|e|^2/d {lengths[name].mean():.4f}",
            flush=True,
        )

    figure = plt.figure(figsize=(12.4, 4.6))
    left, right = figure.add_gridspec(
        1, 2, width_ratios=[7, 4.2], wspace=0.1, left=0.12, right=0.985, top=0.88, bottom=0.115
    )
    panels = left.subgridspec(4, 7, wspace=0.05, hspace=0.05)
    pictures = {"the noise": shown, **rows}
    for r, (name, values) in enumerate(pictures.items()):
        for c in range(7):
            a = figure.add_subplot(panels[r, c])
            reach = 3 if name == "the noise" else 1
            a.imshow(values[c].reshape(28, 28), cmap="gray", vmin=-reach, vmax=reach)
            a.set(xticks=[], yticks=[])
            if c == 0:
                text = name if name == "the noise" else f"{name}\nexplains {max(explained[name], 0):.1f} %"
                a.set_ylabel(text, rotation=0, ha="right", va="center", fontsize=10.5, labelpad=8)
            if r == 0 and c == 3:
                a.set_title(
                    "Best linear prediction of the image from its noise alone, after each pairing", fontsize=11.5, pad=9
                )
    charts = right.subgridspec(2, 1, hspace=0.75)
    for r, (values, title, label) in enumerate(
        [
            (distances, "Distance of image and noise", "per cent more or less than expected at random"),
            (lengths, "Length of the noise (exact: that of random)", "$|e|^2/d$"),
        ]
    ):
        a = figure.add_subplot(charts[r])
        everything = np.concatenate(list(values.values()))
        bins = np.linspace(*np.quantile(everything, [0.0005, 0.9995]), 70)
        for colour, (name, v) in zip([GREY, COLOURS[1], COLOURS[0]], values.items()):
            fill = name == "random"
            a.hist(
                v,
                bins,
                histtype="stepfilled" if fill else "step",
                color=colour,
                alpha=0.6 if fill else 1,
                lw=1.6,
                label=name,
            )
        a.set_title(title, fontsize=11.5)
        a.set_xlabel(label, fontsize=10)
        a.set_yticks([])
        a.spines[["top", "right", "left"]].set_visible(False)
        if r == 0:
            a.legend(frameon=False, fontsize=9.5, loc="upper right")
    save(figure, options, "average_prediction")


def explained(options, pair):
    """Prints what other ways of pairing let a linear function of the noise predict."""
    train, test = fashion_mnist(options.data_dir, "train"), fashion_mnist(options.data_dir, "t10k")
    squares, products, mean = "squared_l2", "inner_product", train.mean(0)
    cases = [
        ("exact, batches of 128", "exact", 128, 1, squares, 0),
        ("nearest of 8, squared_l2, images as they are", "nearest", 512, 8, squares, 0),
        ("nearest of 8, squared_l2, images less their mean image", "nearest", 512, 8, squares, mean),
        ("nearest of 8, inner_product, images as they are", "nearest", 512, 8, products, 0),
        ("nearest of 8, inner_product, images less their mean image", "nearest", 512, 8, products, mean),
    ]
    print("| pairing | explained | mean |e|^2/d |\n|---|---|---|")
    for name, method, batch, k, cost, less in cases:
        rng = np.random.default_rng(4)
        fit = linear_prediction(pairs_of(pair, train, rng, method, batch, k, options.repeat, cost, less))
        pairs = list(pairs_of(pair, test, rng, method, batch, k, 1, cost, less))
        length = np.mean([(e**2).mean() for _, e in pairs])
        print(f"| {name} | {explained_share(pairs, *fit):.1f} % | {length:.3f} |", flush=True)


def distance_by_batch(options, pair):
    images = fashion_mnist(options.data_dir, "train")
    small = images.reshape(-1, 14, 2, 14, 2).mean((2, 4)).reshape(-1, 196)
    sizes = [8, 16, 32, 64, 128, 256, 512, 1024, 2048]
    figure, a = plt.subplots(figsize=(7.6, 4.7))
    for (name, data), colour in zip(
        {"14x14 pixels, d = 196": small, "28x28 pixels, d = 784": images}.items(), [COLOURS[2], COLOURS[0]]
    ):
        rng = np.random.default_rng(3)
        middle, low, high = [], [], []
        for n in sizes:
            changes = []
            for _ in range(max(5, min(40, 4096 // n))):
                x = data[rng.choice(len(data), n, replace=False)]
                report = pair(x, rng.standard_normal((n, data.shape[1])))[1]
                assert report["proved"]
                changes.append(100 * (report["mean_distance_after"] / report["mean_distance_before"] - 1))
            middle.append(np.mean(changes))
            low.append(np.min(changes))
            high.append(np.max(changes))
            print(
                f"Fashion-MNIST {name}, n = {n}: {middle[-1]:+.2f} % "
                f"({low[-1]:+.2f} ... {high[-1]:+.2f}, {len(changes)} batches)",
                flush=True,
            )
        a.fill_between(sizes, low, high, color=colour, alpha=0.18, lw=0)
        a.plot(sizes, middle, "o-", color=colour, ms=5)
        a.annotate(
            f"Fashion-MNIST, {name}",
            (2048, middle[-1]),
            (0, -9),
            textcoords="offset points",
            ha="right",
            va="top",
            color=colour,
        )
    a.plot(PAPER.keys(), PAPER.values(), "s--", color=COLOURS[5], ms=6)
    a.annotate(
        "Li et al. 2024, their images",
        (1024, PAPER[1024]),
        (0, 12),
        textcoords="offset points",
        ha="center",
        color=COLOURS[5],
    )
    a.set_xscale("log", base=2)
    a.set_xticks(sizes, [str(n) for n in sizes])
    a.set_xlabel("batch size (circles: mean of 5 to 40 batches; shaded: from the least to the greatest)")
    a.set_ylabel("change of the mean distance, %")
    a.set_ylim(-6.9, 0)
    a.grid(color="#dddddd", lw=0.6)
    a.spines[["top", "right"]].set_visible(False)
    a.set_title("Exact pairing: how much nearer the noise comes to its image", fontsize=11.5)
    figure.tight_layout()
    save(figure, options, "distance_by_batch")


def methods(options, pair):
    """Prints the table of choosing-a-method.md: what each method keeps, and its time beside the exact solver's."""
    images = fashion_mnist(options.data_dir, "train")
    squares, products = "squared_l2", "inner_product"
    cases = [
        ("exact", 1, squares),
        ("auction", 1, squares),
        ("greedy", 1, squares),
        ("greedy", 1, products),
        ("nearest", 2, squares),
        ("nearest", 4, squares),
        ("nearest", 8, squares),
        ("nearest", 64, squares),
        ("nearest", 8, products),
        ("nearest", 64, products),
    ]
    print(
        "| batch | method | cost | change of the mean distance | mean x.e | mean |e|^2/d | solver's time / exact's |\n"
        + "|---" * 7
        + "|"
    )
    for n in (1024, 128):
        rng = np.random.default_rng(6)
        rows = {case: [] for case in cases}
        for _ in range(9):  # every method in every turn, on the same images
            x = images[rng.choice(len(images), n, replace=False)]
            noise = rng.standard_normal((n, 784), dtype=np.float32)
            for case in cases:
                method, k, cost = case
                if method == "nearest" and n > 128:  # the batch does not matter to it
                    continue
                e = rng.standard_normal((n * k, 784), dtype=np.float32) if method == "nearest" else noise
                order, report = pair(x, e, method, cost, 1 if method == "nearest" else 9)
                e = e[order].astype(np.float64)
                change = 100 * (report["mean_distance_after"] / report["mean_distance_before"] - 1)
                rows[case].append((change, (x * e).sum(1).mean(), (e**2).mean(), report["solve_seconds"]))
        seconds = np.array(rows[cases[0]])[:, 3]
        for (method, k, cost), measured in rows.items():
            if measured:
                measured = np.array(measured)
                change, product, length, _ = measured.mean(0)
                ratio = "" if method == "nearest" else f"{np.median(measured[:, 3] / seconds):.1f}"
                name = f"nearest of {k}" if method == "nearest" else method
                print(
                    f"| {n} | {name} | {cost} | {change:+.2f} % | {product:.1f} | {length:.3f} | {ratio} |", flush=True
                )


# ------------------------------------------------------------------------------------------------- nearest of k, drawn


def nearest_of_k(options, pair):
    """The law of the nearest of k: drawn in O(d) beside brute force; and the table of docs/nearest-of-k.md."""
    program = pathlib.Path(pair.folder.name) / "nearest_of_k"
    source = pathlib.Path(__file__).resolve().parent / "nearest_of_k.cpp"
    eigen = subprocess.run(["pkg-config", "--cflags", "eigen3"], check=True, capture_output=True, text=True).stdout
    compiler = [os.environ.get("CXX", "c++"), "-std=c++17", "-O2", f"-I{ROOT / 'include'}", *eigen.split()]
    subprocess.run([*compiler, source, "-o", program], check=True)

    def rows(how, d, k, count, scale):
        """s = n.x / |x| and the length across x, for each noise n; and |x|."""
        command = [program, how, str(d), str(k), str(count), str(scale)]
        values = subprocess.run(command, check=True, capture_output=True).stdout
        values = np.frombuffer(values, np.float32).reshape(count + 1, d).astype(np.float64)
        norm = np.linalg.norm(values[0])
        s = values[1:] @ values[0] / norm
        return s, np.sqrt(np.maximum((values[1:] ** 2).sum(1) - s**2, 0)), norm

    d, k, count = 16, 64, 40000
    cases = {
        "plain noise": (GREY, rows("distance", d, 1, count, 1)),
        "nearest of 64, brute force": (COLOURS[4], rows("brute", d, k, count, 1)),
        "nearest of 64, drawn": (COLOURS[0], rows("distance", d, k, count, 1)),
        "the same by inner product": (COLOURS[1], rows("product", d, k, count, 1)),
    }
    plain, brute, drawn, product = cases
    norm = cases[plain][1][2]
    figure, axes = plt.subplots(1, 3, figsize=(13.2, 4.5), width_ratios=[1.25, 1, 1])
    a = axes[0]
    for name in (plain, product, drawn):
        colour, (s, across, _) = cases[name]
        a.scatter(s[:2500], across[:2500], s=3, color=colour, lw=0, alpha=0.6, rasterized=True)
    a.scatter([norm], [0], s=90, color=INK, zorder=4, clip_on=False)
    a.annotate("image", (norm, 0), (-9, 7), textcoords="offset points", ha="right", fontsize=10.5)
    turn = np.linspace(0, np.pi, 200)
    for radius in (3, 4, 5, 6):
        a.plot(norm + radius * np.cos(turn), radius * np.sin(turn), color=INK, lw=0.6, ls=":")
    a.set(xlim=(-4, norm + 0.6), ylim=(0, 6.6), aspect="equal")
    a.set_xlabel("$s$: the noise along the image", fontsize=10.5)
    a.set_ylabel("$r$: length of the noise across it", fontsize=10.5)
    a.set_title("All a distance knows of a noise (dotted: equal distance)", fontsize=11.5)
    for a, part, label in ((axes[1], 0, "$s$"), (axes[2], 1, "$r$")):
        bins = np.linspace(*((-4, 5) if part == 0 else (1, 6.5)), 56)
        middle = (bins[1:] + bins[:-1]) / 2
        for name, (colour, values) in cases.items():
            height = np.histogram(values[part], bins, density=True)[0]
            if name == drawn:
                a.plot(middle, height, "o", color=colour, ms=3.2, label=name, zorder=3)
            elif name == product:
                a.plot(middle, height, color=colour, lw=1.6, label=name)
            else:
                a.stairs(height, bins, fill=True, color=colour, alpha=0.55 if name == plain else 0.8, label=name)
        a.set_xlabel(label, fontsize=10.5)
        a.set_yticks([])
        a.spines[["top", "right", "left"]].set_visible(False)
    axes[1].set_title("along the image", fontsize=11.5)
    axes[2].set_title("across the image", fontsize=11.5)
    figure.legend(*axes[1].get_legend_handles_labels(), frameon=False, fontsize=10.5, loc="lower center", ncol=4)
    figure.tight_layout(rect=(0, 0.07, 1, 1))
    save(figure, options, "nearest_of_k")

    print("| k | chosen by | mean |n|^2/d | change of the mean distance | mean cosine |\n" + "|---" * 5 + "|")
    for k in (1, 4, 8, 64, 1024):
        for how in ("distance", "product") if k > 1 else ("distance",):
            s, across, norm = rows(how, 3072, k, 8000, 0.5)
            squares = s**2 + across**2
            distance = np.sqrt(norm**2 - 2 * norm * s + squares).mean()
            plain_distance = np.sqrt(norm**2 + 3072 - 0.5)  # the mean of a chi variable, to 1e-4
            print(
                f"| {k} | {how} | {squares.mean() / 3072:.4f} | {100 * (distance / plain_distance - 1):+.2f} % | "
                f"{(s / np.sqrt(squares)).mean():.4f} |",
                flush=True,
            )


PICTURES = {
    "paths": paths,
    "noise_map": noise_map,
    "average_prediction": average_prediction,
    "distance_by_batch": distance_by_batch,
    "nearest_of_k": nearest_of_k,
    "methods": methods,
    "explained": explained,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("pictures", nargs="*", default=list(PICTURES), help="which: " + ", ".join(PICTURES))
    parser.add_argument(
        "--pair", default=str(ROOT / "build/examples/bin/pair"), help="the program of examples/pair.cpp"
    )
    parser.add_argument("--data-dir", default="/usr/share/datasets/fashion-mnist", help="Fashion-MNIST")
    parser.add_argument(
        "--out", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent, help="folder of the PNG files"
    )
    parser.add_argument("--repeat", type=int, default=4, help="passes over Fashion-MNIST for the average prediction")
    parser.add_argument("--dpi", type=int, default=110)
    options = parser.parse_args()
    for name in options.pictures:
        if name not in PICTURES:
            sys.exit(f"make_pictures.py: needs pictures among {', '.join(PICTURES)}, got {name}")
    if not pathlib.Path(options.pair).exists():
        sys.exit(f"make_pictures.py: needs the program pair (./run example pair --help builds it), got {options.pair}")
    options.out.mkdir(parents=True, exist_ok=True)
    pair = Pairing(options.pair)
    for name in options.pictures:
        PICTURES[name](options, pair)


if __name__ == "__main__":
    main()
