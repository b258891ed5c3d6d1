"""Cuts 32 x 32 colour crops from the photographs of Debian's mate-backgrounds (12 pictures of nature, GPL-2+).

    python3 photographs.py --out build/photographs.npy        (./run bench --peers does it)

Each crop is a random square of 64 to 512 pixels of one photograph, shrunk by averaging: natural statistics, d = 3072.
The same seed gives the same crops. Needs NumPy and Pillow.
"""
import argparse
import pathlib
import sys

import numpy as np
from PIL import Image

PHOTOGRAPHS = "/usr/share/backgrounds/mate/nature"


def crops(folder, count, seed=1):
    """uint8 [count, 3072], rows of 32 x 32 x 3."""
    files = sorted(pathlib.Path(folder).glob("*.jpg"))
    if not files:
        sys.exit(f"photographs: needs pictures in {folder} (Debian package mate-backgrounds)")
    rng = np.random.default_rng(seed)
    pictures = [Image.open(file).convert("RGB") for file in files]
    out = np.empty((count, 32 * 32 * 3), np.uint8)
    for row in out:
        picture = pictures[rng.integers(len(pictures))]
        side = int(rng.integers(64, min(512, *picture.size) + 1))
        left, top = (int(rng.integers(extent - side + 1)) for extent in picture.size)
        crop = picture.resize((32, 32), Image.Resampling.BOX, box=(left, top, left + side, top + side))
        row[:] = np.asarray(crop).reshape(-1)
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", default=PHOTOGRAPHS, help="default: %(default)s")
    parser.add_argument("--count", type=int, default=12288, help="default: %(default)s")
    parser.add_argument("--out", required=True, help="file to write, .npy")
    arguments = parser.parse_args()
    np.save(arguments.out, crops(arguments.folder, arguments.count))


if __name__ == "__main__":
    main()
