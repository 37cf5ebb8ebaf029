"""Files of installed packages."""

import sys

import numpy

from bids_ari.runtime.installed import installed_file


def test_files_of_packages() -> None:
    assert str(installed_file("numpy", "__init__.py")) == numpy.__file__
    assert installed_file("numpy", "no/such/file") is None
    assert installed_file("no_such_package", "file") is None


def test_nothing_is_imported() -> None:
    unused = "antigravity"
    assert unused not in sys.modules
    assert installed_file(unused, "antigravity.py") is not None
    assert unused not in sys.modules
