"""A picture of the atlas: one small matrix for every class."""

from __future__ import annotations

from os import PathLike
from typing import Any

import numpy as np

from sparseopt.existence.atlas import read_masks
from sparseopt.files import write_file
from sparseopt.plot import check_target

COLUMNS = 60
CLOSED, NOT_CLOSED, UNDECIDED = "#2f6fb0", "#c8452d", "#8a8a8a"


def plot_atlas(atlas: dict[str, Any], path: str | PathLike[str]) -> None:
    """Draw each class as the matrix of path counts from inputs to outputs, coloured by its verdict, and write it.

    Raises
    ------
    InputError
        If the suffix is not .png, .svg or .pdf.
    """
    check_target(path)
    from matplotlib.colors import to_rgb
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    colours = {True: CLOSED, False: NOT_CLOSED, None: UNDECIDED}
    tables = atlas["tables"]
    heights = [-(-len(rows) // COLUMNS) for rows in tables.values()]
    figure = Figure(figsize=(13, 0.7 + 0.225 * sum(heights) + 0.42 * len(tables)), layout="constrained")
    axes = figure.subplots(len(tables), 1, height_ratios=[h + 0.8 for h in heights], squeeze=False)[:, 0]
    for (name, rows), height, ax in zip(tables.items(), heights, axes, strict=True):
        ordered = sorted(
            rows, key=lambda row: (row["closed"] is not True, sum(map(int, row["masks"].translate(_NUMBERS))))
        )
        side = int(name.split("-")[0]) + 1
        picture = np.ones((height * side + 1, COLUMNS * side + 1, 3))
        for i, row in enumerate(ordered):
            paths = np.linalg.multi_dot([m.astype(float) for m in reversed(read_masks(row["masks"]).masks)])
            shade = (paths / paths.max() if paths.any() else paths)[:, :, None]
            y, x = i // COLUMNS * side + 1, i % COLUMNS * side + 1
            tone = 0.18 + 0.82 * shade
            picture[y : y + side - 1, x : x + side - 1] = 1 - tone * (1 - np.array(to_rgb(colours[row["closed"]])))
        ax.imshow(picture, interpolation="nearest")
        ax.set_axis_off()
        counts = [sum(row["closed"] is v for row in rows) for v in (True, False, None)]
        undecided = f", {counts[2]} undecided" if counts[2] else ""
        ax.set_title(
            f"{name}: {len(rows)} classes, {counts[0]} closed, {counts[1]} not{undecided}", loc="left", fontsize=10
        )
    named = [("closed", CLOSED), ("not closed", NOT_CLOSED)]
    figure.legend(
        handles=[Patch(color=c, label=n) for n, c in named], loc="outside upper right", ncols=2, frameon=False
    )
    figure.suptitle("Linear counterparts of small patterns (shade: paths from input to output)", x=0.01, ha="left")
    write_file(path, lambda temporary: figure.savefig(temporary, dpi=150))


_NUMBERS = str.maketrans({"/": "", " ": ""})
