"""Peers: what the benchmark compares, one back end a file, behind the registry in `registry.py`.

A module has ``prepare(problem, task)``, which builds the peer's model and returns a function without arguments; only
that function is timed. It returns an :class:`~sparseopt.benchmark.peers.answer.Answer`.
"""
