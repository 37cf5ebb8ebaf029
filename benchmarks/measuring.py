"""Seconds and memory of commands, each in a fresh process, and their medians: what the benchmarks share."""

import ctypes
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_SET_CHILD_SUBREAPER = 36  # of prctl


class Measured(NamedTuple):
    """Seconds of a command and all its processes, and the peak memory of the largest of them in MB."""

    wall: float
    cpu: float
    peak: float


def measure(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Measured:
    """Run a command in a fresh process, without its output; end the benchmark if it fails."""
    _adopt_orphans()
    start = time.perf_counter()
    child = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **(environment or {})},
        start_new_session=True,
    )
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    if status:
        raise SystemExit(f"failed: {' '.join(map(str, command))}")
    usages = [usage, *_ended(child.pid)]
    return Measured(
        wall, sum(each.ru_utime + each.ru_stime for each in usages), max(each.ru_maxrss for each in usages) / 1024
    )


def _adopt_orphans() -> None:
    """Become the parent of processes that a command leaves to end by themselves (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _ended(group: int) -> Iterator[resource.struct_rusage]:
    """Wait for the orphans of a process group; yield what they and their children used."""
    while True:
        try:
            yield os.wait4(-group, 0)[2]
        except ChildProcessError:
            return


def peak_of_all(command: Sequence[str | Path], interval: float = 0.05) -> float:
    """Run a command; return the peak memory of all its processes together in MB, shared pages counted once (Linux)."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    peak = 0
    while child.poll() is None:
        peak = max(peak, sum(_proportional(path) for path in Path("/proc").glob("[0-9]*") if _is_of(path, child.pid)))
        time.sleep(interval)
    return peak / 1024


def _is_of(process: Path, session: int) -> bool:
    """Return whether a process belongs to a session."""
    try:
        return os.getsid(int(process.name)) == session
    except OSError:
        return False


def _proportional(process: Path) -> int:
    """Return the proportional set size of a process in KB; 0 if it has ended."""
    try:
        lines = (process / "smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


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


def table(found: Mapping[str, Sequence[Measured]], name: str, ours: str, other: str) -> str:
    """Return the processor and a table: a row for each command, and one of this name for the ratios of two of them."""
    text = f"{processor()}\n| | wall, s | CPU, s | peak memory, MB |\n| --- | --- | --- | --- |\n"
    for command, runs in found.items():
        text += f"| {command} | {' | '.join(summary(values) for values in zip(*runs, strict=True))} |\n"
    pairs = zip(zip(*found[ours], strict=True), zip(*found[other], strict=True), strict=True)
    return f"{text}| {name} | {' | '.join(ratios(a, b) for a, b in pairs)} |\n"


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
