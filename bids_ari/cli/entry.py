"""Entry points of the commands, which handle signals before they import anything that takes long."""

import sys
from collections.abc import Callable
from importlib import import_module

from bids_ari.errors import INTERRUPTED, interruption
from bids_ari.runtime.signals import interruptible


def bids_ari() -> int:
    """Run ``bids-ari``; return the exit code."""
    return _run("main")


def bids_ari_map() -> int:
    """Run ``bids-ari-map``; return the exit code."""
    return _run("map")


def bids_ari_mask() -> int:
    """Run ``bids-ari-mask``; return the exit code."""
    return _run("mask")


def bids_ari_demo() -> int:
    """Run ``bids-ari-demo``; return the exit code."""
    return _run("demo")


def bids_ari_templates() -> int:
    """Run ``bids-ari-templates``; return the exit code."""
    return _run("templates")


def bids_ari_studies() -> int:
    """Run ``bids-ari-studies``; return the exit code."""
    return _run("studies")


def _run(module: str) -> int:
    """Run the command of a module of this folder; return the exit code."""
    try:
        with interruptible(is_all=True):
            main: Callable[[], int] = import_module(f"bids_ari.cli.{module}").main
            return main()
    except (KeyboardInterrupt, RuntimeError) as error:
        if interruption(error) is None:
            raise
        sys.stderr.write("ERROR interrupted: run the same command again\n")
        return INTERRUPTED
