"""Processors: how many are available, and how they and the memory are divided among contrasts."""

import os

from bids_ari.runtime.caches import has_semaphores
from bids_ari.runtime.memory import available_memory

LEAST_MEMORY = 1 << 30  # bytes: no more processes are started than each can have this much memory


def n_available() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def divide(n_processors: int, mem: int | None, n_items: int) -> tuple[int, int, int | None]:
    """Divide processors and memory (bytes; None: all available memory) among items that are worked on in parallel.

    Returns the number of processes, the threads of each, and the bytes of each; 1 process for a single item.
    """
    total = available_memory() if mem is None else mem
    n_processes = max(1, min(n_processors, n_items, total // LEAST_MEMORY))
    if n_processes == 1 or not has_semaphores():  # a pool of processes needs them
        return 1, n_processors, mem
    return n_processes, max(1, n_processors // n_processes), total // n_processes
