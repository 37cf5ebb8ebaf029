"""nibabel does not write to stderr what it repairs."""

import os
import subprocess
import sys

import pytest

REPAIR = """
from bids_ari.runtime.nibabel_log import silence_nibabel
silence_nibabel({is_silent})
import nibabel as nib
nib.Nifti1Header(bytes(4) + bytes(nib.Nifti1Header().binaryblock)[4:], endianness="<")
"""


@pytest.mark.parametrize(("is_silent", "written"), [(True, ""), (False, "sizeof_hdr")])
def test_a_repaired_header(is_silent: bool, written: str) -> None:
    """In another process, since nibabel writes to the stderr of its import."""
    command = [sys.executable, "-c", REPAIR.format(is_silent=is_silent)]
    found = subprocess.run(command, check=True, capture_output=True, text=True, env=dict(os.environ))
    assert found.stderr.startswith(written)
    assert bool(found.stderr) == bool(written)
