"""What a sceptic asks about the machine."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import sparseopt


def machine() -> dict[str, str]:
    """Processor, cores, memory, system, and the versions of Python and sparseopt."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "sparseopt": sparseopt.__version__,
    }


def _processor() -> str:
    """The processor's name, on Linux from /proc/cpuinfo."""
    info = Path("/proc/cpuinfo")
    names = (
        [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        if info.exists()
        else []
    )
    return names[0] if names else platform.processor() or "unknown"
