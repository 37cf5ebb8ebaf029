"""A method of inference that is registered in one file appears everywhere."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bids_ari.analysis.methods import GroupData
from bids_ari.cli.main import main
from bids_ari.config.methods import METHODS, Method, register
from bids_ari.config.options import Options
from bids_ari.stats.bounds import Bound
from bids_ari.stats.choices import Alternative
from bids_ari.stats.glm import GlmResult


def bonferroni(glm: GlmResult, alternative: Alternative, options: Options, group: GroupData | None) -> Bound:
    """Return category 1 for each point that Bonferroni's correction rejects, m + 1 for the others."""
    p = glm.p(alternative)
    return Bound(np.where(p * p.size < options.alpha, 1, p.size + 1).astype(np.int32), options.alpha, "toy")


@pytest.fixture
def _toy() -> Iterator[None]:
    register(
        Method(
            name="toy",
            title="a toy method",
            help="Bonferroni's correction, for tests",
            bound=bonferroni,
            methods_text="The bounds stem from a toy method",
            assumption="They are valid for toys.",
            label="Toy",
            description="toy bounds",
        )
    )
    yield
    del METHODS["toy"]


@pytest.mark.usefixtures("_toy")
def test_a_method_in_one_file_is_everywhere(
    group_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--help"]) == 0
    assert "Bonferroni's correction" in " ".join(capsys.readouterr().out.split())
    out = tmp_path / "out"
    words = ["--method", "toy", "simes", "--threshold", "3", "--tdp", "0.7"]
    assert main([str(group_dir), str(out), "group", *words]) == 0
    assert ", greater, toy)" in capsys.readouterr().err
    (path,) = (out / "group").glob("*_stat-tdp_desc-greaterToy_statmap.json")
    sidecar = json.loads(path.read_text())
    assert (sidecar["Method"], sidecar["Alpha"]) == ("toy", 0.05)
    assert not list((out / "group").glob("*pHommel*Toy*"))  # it adjusts no p
    (page,) = (out / "group").glob("*_desc-greaterToy_report.html")
    text = " ".join(page.read_text().split())
    for expected in ("a toy method", "The bounds stem from a toy method", "They are valid for toys."):
        assert expected in text
    assert "toy bounds" in (out / "descriptions.tsv").read_text()
    assert "a toy method" in (out / "index.html").read_text()
    assert tomllib.loads(next(out.glob("logs/2*/settings.toml")).read_text())["method"] == ["toy", "simes"]
    assert main([str(group_dir), str(out), "group", "--reports-only"]) == 0


def test_names_are_unique() -> None:
    with pytest.raises(ValueError, match="'simes'"):
        register(METHODS["simes"])
