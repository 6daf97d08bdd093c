"""A child process whose time and memory are really limited: watched from outside, killed with all it started."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

POLL_SECONDS = 0.05
EXIT_SECONDS = 20.0
"""So long a child may take to end after its last message."""
TAIL = 600
"""So many last characters of a crashed child's output are kept."""


class End(StrEnum):
    """How a child process ended."""

    DONE = "done"
    """By itself, with exit code 0."""
    TIME = "time limit"
    """Killed: a stage took longer than its limit."""
    MEMORY = "memory limit"
    """Killed: its resident memory, with its children's, passed the limit."""
    CRASH = "crash"
    """By itself, with another exit code or a signal."""


@dataclass(frozen=True)
class Ended:
    """What is left of a child process: its messages, its peak memory in bytes seen from outside, why it failed."""

    end: End
    messages: list[dict[str, Any]]
    peak_memory: int
    detail: str = ""


def run_limited(
    command: Sequence[str],
    seconds_for: Callable[[str], float],
    memory_limit: int,
    environment: Mapping[str, str],
    keep_open: Sequence[int] = (),
) -> Ended:
    """Run a command that reports over a pipe, and enforce its limits.

    Parameters
    ----------
    command : sequence of str
        The number of the pipe's descriptor is appended. The child writes one JSON object a line; the key ``stage``
        names what it does next.
    seconds_for : callable
        The limit of a stage; the first stage is "start".
    memory_limit : int
        Bytes of resident memory.
    environment : mapping
        Added to the child's environment.
    keep_open : sequence of int
        Descriptors that the child inherits.
    """
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as output, os.fdopen(reading, "rb", buffering=0) as pipe:
        process = subprocess.Popen(
            [*command, str(writing)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=(writing, *keep_open),
            env={**os.environ, **environment},
            start_new_session=True,
        )
        os.close(writing)
        try:
            end, messages, peak, stage = _watch(process, pipe, seconds_for, memory_limit)
        finally:
            _kill(process)
        if end is End.DONE and process.returncode == 0:
            return Ended(end, messages, peak)
        if end is not End.DONE:
            return Ended(end, messages, peak, f"stopped in stage {stage!r}")
        output.seek(0)
        code = process.returncode
        why = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        tail = output.read().decode(errors="replace")[-TAIL:].strip()
        return Ended(End.CRASH, messages, peak, f"{why} in stage {stage!r}: {tail}")


def _watch(
    process: subprocess.Popen[bytes], pipe: Any, seconds_for: Callable[[str], float], memory_limit: int
) -> tuple[End, list[dict[str, Any]], int, str]:
    """Read messages until the child closes its pipe or passes a limit: (end, messages, peak memory, last stage)."""
    messages: list[dict[str, Any]] = []
    peak, stage, pending = 0, "start", b""
    deadline = time.monotonic() + seconds_for(stage)
    while True:
        if select.select([pipe], [], [], POLL_SECONDS)[0]:
            chunk = os.read(pipe.fileno(), 1 << 16)
            if not chunk:
                try:
                    process.wait(EXIT_SECONDS)
                except subprocess.TimeoutExpired:
                    return End.TIME, messages, peak, stage
                return End.DONE, messages, peak, stage
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                messages.append(json.loads(line))
                if "stage" in messages[-1]:
                    stage = messages[-1]["stage"]
                    deadline = time.monotonic() + seconds_for(stage)
        peak = max(peak, _resident(process.pid))
        if peak > memory_limit:
            return End.MEMORY, messages, peak, stage
        if time.monotonic() > deadline:
            return End.TIME, messages, peak, stage


def _resident(pid: int) -> int:
    """Resident bytes of a process and its descendants."""
    import psutil

    try:
        parent = psutil.Process(pid)
        family = [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    total = 0
    for member in family:
        try:
            total += member.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the child's whole session and wait for it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
