"""Seconds and memory of commands, each in a fresh process, and their medians: what the benchmarks share."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Measured(NamedTuple):
    """Seconds of a process and its children until its end, and the peak memory of the largest of them in MB."""

    wall: float
    cpu: float
    peak: float


def measure(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Measured:
    """Run a command in a fresh process, without its output; end the benchmark if it fails."""
    start = time.perf_counter()
    child = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **(environment or {})}
    )
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    if status:
        raise SystemExit(f"failed: {' '.join(map(str, command))}")
    return Measured(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def in_turn(
    commands: Mapping[str, Sequence[str | Path]], repeats: int, environment: Mapping[str, str] | None = None
) -> dict[str, list[Measured]]:
    """Run each command once, unmeasured, then all of them in turn several times."""
    for command in commands.values():
        measure(command, environment)
    rounds = [{name: measure(each, environment) for name, each in commands.items()} for _ in range(repeats)]
    return {name: [each[name] for each in rounds] for name in commands}


def summary(values: Sequence[float]) -> str:
    """Return median and range as text."""
    return f"{statistics.median(values):.3g} ({min(values):.3g}-{max(values):.3g})"


def ratios(ours: Sequence[float], others: Sequence[float]) -> str:
    """Return median and range of the ratios within each round."""
    return summary([a / b for a, b in zip(ours, others, strict=True)])


def processor() -> str:
    """Return the name of the processor, and the number of cores that this process may use."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    name = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown processor"
    )
    return f"{name}, {len(os.sched_getaffinity(0)) if sys.platform == 'linux' else os.cpu_count()} cores"
