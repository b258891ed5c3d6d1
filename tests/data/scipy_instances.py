"""Writes scipy_instances.json: assignment problems with the optimal total that SciPy finds for them.

    apt-get install dataset-fashion-mnist;  pip install numpy scipy==1.17.*
    python3 scipy_instances.py

Every cost is an integer, so that totals are compared exactly whatever the type of the costs. Large problems are stored as
a recipe (family, sizes, seed) that the test repeats; costs of real images are stored as they are. A total of null means
that no matching exists.
"""
import gzip
import json
import pathlib

import numpy as np
from scipy.optimize import linear_sum_assignment

IMAGES = "/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz"
MASK = (1 << 64) - 1


class SplitMix64:
    """The generator of Steele, Lea and Flood (2014); its twin stands in scipy_instances.cpp."""

    def __init__(self, seed):
        self.state = seed

    def __call__(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def rows(self, n, m, values):
        return [[self() % values for _ in range(m)] for _ in range(n)]


def uniform(n, m, seed, values, **_):
    """Independent costs 0 ... values - 1; few values make ties."""
    return np.array(SplitMix64(seed).rows(n, m, values), dtype=object)


def alike(n, m, seed, scale, **_):
    """Rows alike, as images are: (bias - a_i . b_j) / scale, a_i = a common vector + a small own one, b_j bell-shaped."""
    draw = SplitMix64(seed)
    common = draw.rows(1, 16, 256)[0]
    images = [[c + own for c, own in zip(common, row)] for row in draw.rows(n, 16, 64)]
    noise = [[sum(four) - 126 for four in zip(*[iter(row)] * 4)] for row in draw.rows(m, 64, 64)]
    bias = 16 * 320 * 126
    return np.array([[(bias - sum(a * b for a, b in zip(x, y))) // scale for y in noise] for x in images], dtype=object)


def machol_wien(n, m, **_):
    """(i + 1)(j + 1): hard for shortest augmenting paths (Machol and Wien, 1976)."""
    return np.array([[(i + 1) * (j + 1) for j in range(m)] for i in range(n)], dtype=object)


def forbid(cost, seed, percent):
    """Replaces about `percent` of the costs by None, +infinity in the test."""
    draw = SplitMix64(seed + 1)
    for i, j in np.ndindex(*cost.shape):
        if draw() % 100 < percent:
            cost[i, j] = None


def total(cost):
    """SciPy's optimal total, exactly; None if it says that there is no matching."""
    floats = np.array([[np.inf if c is None else float(c) for c in row] for row in cost]).reshape(cost.shape)
    try:
        rows, columns = linear_sum_assignment(floats)
    except ValueError as infeasible:
        assert "infeasible" in str(infeasible)
        return None
    return sum(int(c) for c in cost[rows, columns])


def fashion_mnist(n, m, seed, largest):
    """Costs -x.n of real images [n, 784] and Gaussian noise [m, 784], rounded to -largest ... largest."""
    rng = np.random.default_rng(seed)
    images = np.frombuffer(gzip.open(IMAGES).read(), np.uint8, offset=16).reshape(-1, 784)
    images = images[rng.choice(len(images), n, replace=False)] / 127.5 - 1
    cost = -(images @ rng.standard_normal((m, 784)).T)
    return np.rint(cost * (largest / np.abs(cost).max())).astype(int).astype(object)


RECIPES = [
    dict(name="one pair", family=uniform, n=1, m=1, seed=1, values=100),
    dict(name="one image, many noises", family=uniform, n=1, m=40, seed=2, values=1000),
    dict(name="uniform, small", family=uniform, n=20, m=20, seed=3, values=1000),
    dict(name="uniform", family=uniform, n=200, m=200, seed=4, values=30000),
    dict(name="uniform, odd size", family=uniform, n=257, m=257, seed=5, values=10_000_000),
    dict(name="uniform, huge magnitudes", family=uniform, n=100, m=100, seed=6, values=2_000_000_000),
    dict(name="two values", family=uniform, n=150, m=150, seed=7, values=2),
    dict(name="rows alike, few values", family=alike, n=150, m=150, seed=8, scale=50000),
    dict(name="constant", family=uniform, n=65, m=65, seed=9, values=1),
    dict(name="rows alike, few values, rectangular", family=alike, n=100, m=131, seed=10, scale=20000),
    dict(name="uniform, rectangular", family=uniform, n=100, m=300, seed=11, values=30000),
    dict(name="few images, many noises", family=uniform, n=5, m=500, seed=12, values=30000),
    dict(name="rows alike, small", family=alike, n=33, m=33, seed=13, scale=1),
    dict(name="rows alike", family=alike, n=256, m=256, seed=14, scale=1),
    dict(name="rows alike, in 16 bits", family=alike, n=256, m=256, seed=15, scale=50),
    dict(name="rows alike, with ties", family=alike, n=200, m=200, seed=16, scale=5000),
    dict(name="rows alike, rectangular", family=alike, n=150, m=180, seed=17, scale=40),
    dict(name="Machol-Wien", family=machol_wien, n=120, m=120),
    dict(name="Machol-Wien, rectangular", family=machol_wien, n=60, m=100),
    dict(name="some pairs forbidden", family=uniform, n=100, m=100, seed=18, values=30000, forbidden=30),
    dict(name="most pairs forbidden", family=uniform, n=100, m=100, seed=19, values=30000, forbidden=90),
    dict(name="most pairs forbidden, rows alike", family=alike, n=80, m=120, seed=20, scale=1, forbidden=85),
    dict(name="too many pairs forbidden", family=uniform, n=60, m=60, seed=21, values=30000, forbidden=97),
    dict(name="every pair forbidden", family=uniform, n=10, m=12, seed=22, values=30000, forbidden=100),
]
STORED = [
    dict(name="Fashion-MNIST", n=64, m=64, seed=1, largest=30000),
    dict(name="Fashion-MNIST, rectangular", n=40, m=72, seed=2, largest=30000),
    dict(name="Fashion-MNIST, coarse, with ties", n=48, m=48, seed=3, largest=20),
]

instances = []
for recipe in RECIPES:
    cost = recipe["family"](**recipe)
    if "forbidden" in recipe:
        forbid(cost, recipe["seed"], recipe["forbidden"])
    instances.append({**recipe, "family": recipe["family"].__name__, "total": total(cost)})
for stored in STORED:
    cost = fashion_mnist(stored["n"], stored["m"], stored["seed"], stored["largest"])
    instances.append({"name": stored["name"], "family": "stored", "n": stored["n"], "m": stored["m"],
                      "total": total(cost), "cost": cost.tolist()})

path = pathlib.Path(__file__).with_suffix(".json")
path.write_text("[\n" + ",\n".join(json.dumps(i) for i in instances) + "\n]\n")
for i in instances:
    print(f"{i['name']:36} [{i['n']}, {i['m']}]  {i['total']}")
