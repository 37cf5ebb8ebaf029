"""The Python examples of the documentation and the README run unchanged."""

from pathlib import Path

import numpy as np
import pytest
from builders import describe, write_group
from docpages import DOCS, ROOT, blocks

from bids_ari.cli.main import main


@pytest.fixture
def demo(tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The output of bids-ari-demo, of smaller maps."""
    monkeypatch.chdir(tmp_path)
    describe(Path("demo/dataset"))
    write_group(Path("demo/dataset"), 8, rng)
    assert main(["demo/dataset", "demo/results", "group", "--threshold", "3"]) == 0
    return tmp_path / "demo"


@pytest.mark.parametrize("page", [DOCS / "python.md", ROOT / "README.md"], ids=lambda page: page.name)
def test_the_code_of_a_page(page: Path, demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = "\n".join(block.text for block in blocks(page, "python"))
    names: dict[str, object] = {}
    exec(compile(code, page.name, "exec"), names)
    assert "one of: faces" in capsys.readouterr().out or page.name == "README.md"
