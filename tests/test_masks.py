"""Scans of masks of real size: verdicts, counts and witnesses against definitions."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import sparseopt as so
from sparseopt.cli import main
from sparseopt.existence.large_masks import read_masks, scan

SIZES = (300, 784), (100, 300)
"""Of the masks of two layers."""


def test_counts_and_verdicts_agree_with_the_exact_procedure() -> None:
    """Small random masks: the count is that of all 2 × 2 blocks by the definition; verdicts agree with the rules."""
    rng = np.random.default_rng(4)
    compared = {True: 0, False: 0, None: 0}
    for _ in range(150):
        d, k, q = (int(x) for x in rng.integers(2, 6, 3))
        first, second = rng.random((k, d)) < 0.5, rng.random((q, k)) < 0.5
        report = scan(first, second)
        paths = second.astype(int) @ first.astype(int)
        count = 0
        for j in range(k):
            for rows in combinations(np.flatnonzero(second[:, j]), 2):
                for columns in combinations(np.flatnonzero(first[j]), 2):
                    count += sorted((paths[np.ix_(rows, columns)] > 1).ravel().tolist()) == [False] * 3 + [True]
        assert report.blocks == count
        compared[report.closed] += 1
        lc = so.linear_counterpart(so.SparsityPattern([first, second]))
        if report.closed is not None:
            assert lc.closed is report.closed
        if report.block is not None:
            part = so.SparsityPattern([first[:, list(report.block[1])], second[list(report.block[0])]])
            assert so.linear_counterpart(part).closed is False
    print(f"scans compared with the exact procedure: {compared}")
    assert min(compared.values()) > 0


@pytest.mark.parametrize("r", [2, 3])
def test_corners_of_equal_neurons(r: int) -> None:
    """r equal neurons hold a larger block; the exact procedure (r = 2) agrees that one entry of another breaks it."""
    rng = np.random.default_rng(r)
    row, column = (np.eye(r + 1)[rng.integers(r + 1)] for _ in range(2))
    first, second = np.vstack([np.ones((r, r + 1)), row]) > 0, np.vstack([np.ones((r, r + 1)), column]).T > 0
    order = rng.permutation(r + 1)
    report = scan(first[order], second[:, order])
    assert (report.closed, report.blocks) == (False, 0)
    assert report.block == ((*range(r + 1),), (*range(r + 1),))
    if r == 2:
        assert so.linear_counterpart(so.SparsityPattern([first, second])).closed is False
    another = 1 - column > 0  # a second entry, in another row: two are not one
    first, second = np.vstack([first, row > 0]), np.column_stack([second, another])
    assert scan(first, second).block is None
    assert scan(first[:r], second[:, :r]).block is None


def test_corners_found_are_corners() -> None:
    """Random masks with doubled and tripled neurons: a larger block has r + 1 rows and columns and one shared entry."""
    rng = np.random.default_rng(8)
    found = 0
    while found < 25:
        k, d, q = (int(x) for x in rng.integers(2, 7, 3))
        copies = [0] * int(rng.integers(1, 3)) + [*range(k)]
        first, second = (rng.random((k, d)) < 0.7)[copies], (rng.random((q, k)) < 0.7)[:, copies]
        report = scan(first, second)
        if report.block is not None and report.blocks == 0:
            outputs, inputs = map(list, report.block)
            held = int((second[outputs].all(axis=0) & first[:, inputs].all(axis=1)).sum())
            paths = second[outputs].astype(int) @ first[:, inputs].astype(int)
            assert len(outputs) == len(inputs) == held + 1 > 2
            assert (paths.min(), (paths > held).sum()) == (held, 1)
            found += 1


def test_structured_masks_of_real_size() -> None:
    """Monarch and block-diagonal of order 1024: closed; 784 × 300 × 100: random at 90 % not, 2:4 everything, blocks of
    4 × 4 at 90 % not closed at a corner of five rows and columns."""
    assert scan(*so.families.monarch(32).masks).rule == "P"
    assert scan(*so.families.block_diagonal([1024, 512, 1024], 32).masks).rule == "P"
    assert scan(*so.families.block_diagonal([1024] * 3, 32).masks).rule == "F0"
    rng = np.random.default_rng(5)
    report = scan(rng.random((300, 784)) < 0.1, rng.random((100, 300)) < 0.1)
    assert report.closed is False
    assert report.blocks > 10_000
    assert scan(rng.random((3000, 40)) < 0.3, rng.random((20, 3000)) < 0.3).rule == "F0"
    two_of_four = [rng.permuted(np.tile([1, 1, 0, 0], (q * d // 4, 1)), axis=1).reshape(q, d) > 0 for q, d in SIZES]
    assert scan(*two_of_four).rule == "F0"
    blocks = [np.kron(rng.random((q // 4, d // 4)) < 0.1, np.ones((4, 4))) > 0 for q, d in SIZES]
    report = scan(*blocks)
    assert (report.closed, report.blocks, [len(part) for part in report.block]) == (False, 0, [5, 5])


def test_a_pruned_layer_beside_a_dense_one() -> None:
    """90 % zeros before or after a dense layer: everything; small ones agree with the exact procedure."""
    pruned, dense = np.random.default_rng(7).random((1000, 1000)) < 0.1, np.ones((1000, 1000), dtype=bool)
    assert scan(pruned, dense).rule == scan(dense, pruned).rule == "F0"
    rng, closed = np.random.default_rng(7), 0
    for _ in range(60):
        masks = [rng.random((3, 4)) < 0.6, np.ones((4, 3), dtype=bool)]
        for first, second in (masks, [m.T for m in reversed(masks)]):
            if scan(first, second).closed is not None:
                assert so.linear_counterpart(so.SparsityPattern([first, second])).closed is True
                closed += 1
    assert closed > 20


def test_large_rectangles_are_looked_at_in_part() -> None:
    """LU of order 1200 fills half the masks: blocks are found in the first rows, and the count is a lower bound."""
    ones = np.ones((1200, 1200))
    report = scan(np.triu(ones) > 0, np.tril(ones) > 0)
    assert (report.closed, report.counted_all) == (False, False)
    assert 10**5 < report.blocks < 1199**2
    assert report.block == ((0, 1), (0, 1))


def test_small_blocks_of_many_paths_are_everything() -> None:
    """Rule F0 with m paths for every entry: blocks of m outputs, or inputs, are closed."""
    rng = np.random.default_rng(6)
    tried = 0
    while tried < 40:
        first, second = rng.random((8, 4)) < 0.6, rng.random((4, 8)) < 0.6
        if (fewest := scan(first, second).fewest_paths) > 1:
            for part in ([first, second[:fewest]], [first[:, :fewest], second]):
                lc = so.linear_counterpart(so.SparsityPattern(part))
                assert lc.closed is not False
                tried += lc.closed is True


def test_masks_file(tmp_path: Path) -> None:
    """Masks come in the file's order; files that cannot be used are refused with the remedy."""
    path = tmp_path / "masks.npz"
    np.savez(path, a=np.ones((3, 2)), b=np.eye(3))
    assert [name for name, _ in read_masks(path)] == ["a", "b"]
    np.savez(path, a=np.ones((3, 2)), b=np.eye(4))
    with pytest.raises(so.InputError, match="b has 4 columns but a has 3 rows"):
        read_masks(path)
    np.savez(path, a=np.ones((3, 2)))
    assert [(name, mask.shape) for name, mask in read_masks(path)] == [
        ("dense", (2, 2)),
        ("a", (3, 2)),
        ("dense", (3, 3)),
    ]
    np.savez(path, a=np.ones(3))
    with pytest.raises(so.InputError, match="holds no matrix"):
        read_masks(path)
    path.write_text("nonsense")
    with pytest.raises(so.InputError, match="not an"):
        read_masks(path)


def test_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """``sparseopt masks`` names every pair of layers; exit 0 when all are decided."""
    path = tmp_path / "masks.npz"
    np.savez(path, fc1=np.triu(np.ones((2, 2))), fc2=np.tril(np.ones((2, 2))), fc3=np.eye(2))
    monkeypatch.setattr("sys.argv", ["sparseopt", "masks", str(path), "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    layers = json.loads(capsys.readouterr().out)["layers"]
    assert ended.value.code == 0
    assert [(row["masks"], row["closed"], row["blocks"]) for row in layers] == [
        ("fc1, fc2", False, 1),
        ("fc2, fc3", True, 0),
    ]
