"""The BIDS validator, as a function."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def issues(folder: Path) -> dict[str, set[str]]:
    """Run the validator on a dataset; return the codes of its errors and warnings."""
    command = shutil.which("bids-validator-deno") or str(Path(sys.executable).parent / "bids-validator-deno")
    if not Path(command).exists():
        pytest.skip("no bids-validator-deno")
    done = subprocess.run([command, str(folder), "--format", "json"], check=False, capture_output=True, text=True)
    report: dict[str, Any] = json.loads(done.stdout)
    found = report["issues"]["issues"]
    return {kind: {each["code"] for each in found if each["severity"] == kind} for kind in ("error", "warning")}
