"""Fixtures for tests of images."""

from pathlib import Path

import pytest
from builders_templateflow import offline_client


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder from which a client of TemplateFlow without network and without an index returns files."""
    offline_client(tmp_path, monkeypatch)
    return tmp_path
