"""Nested exchangeability blocks, from the command line to files, report and archive."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from builders import describe, without_times, write_group

import bids_ari as ari
from bids_ari.cli.main import main

STEM = "group/task-emo_space-MNI152NLin2009cAsym_contrast-faces_test-g_desc-greaterPermutation"
WORDS = ("--method", "permutation", "--random-seed", "3", "--threshold", "3", "--formula", "1 + g", "--test", "g=g")
FAMILIES = "aabbccddeeff"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pairs at two sites; the group g is that of a pair."""
    root, rng = tmp_path_factory.mktemp("blocks") / "in", np.random.default_rng(41)
    describe(root)
    write_group(root, 12, rng, signal=1.5)
    rows = [
        f"sub-{i + 1:02d}\t{'xy'[i // 6]}\t{family}\t{'abcdef'.index(family) % 2}\t1\t{-'abcdef'.index(family) - 1}"
        for i, family in enumerate(FAMILIES)
    ]
    header = "participant_id\tsite\tfamily\tg\tall\tpair"
    (root / "participants.tsv").write_text("\n".join([header, *rows]) + "\n")
    return root


def run(data: Path, out: Path, *words: str) -> Path:
    assert main([str(data), str(out), "group", *WORDS, *words]) == 0
    return out


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(data, tmp_path_factory.mktemp("whole") / "out", "--blocks", "+family")


def lambdas(out: Path) -> list[str]:
    return (out / f"{STEM}_draws.tsv").read_text().splitlines()


def test_all_ways_to_divide_six_families(whole: Path) -> None:
    """6 choose 3, which differ; the sidecar tells what was exchanged, the report and the methods text also."""
    sidecar = json.loads((whole / f"{STEM}_draws.json").read_text())
    assert (sidecar["NumberOfDraws"], sidecar["DrawsAreComplete"]) == (20, True)
    assert sidecar["ExchangeabilityBlocks"] == "+family"
    assert "blocks of family are exchanged as wholes" in sidecar["ExchangeabilityBlocksMeaning"]
    page = re.sub(r"\s+", " ", re.sub("<[^>]+>", "", (whole / f"{STEM}_report.html").read_text()))
    assert "that respect nested exchangeability blocks (+family: blocks of family are exchanged as wholes" in page
    assert "Winkler et al., 2015" in page
    assert "of which there is one: 6 of 2 subjects" in page
    assert "The exchangeability blocks allow 720 permutations" in page
    calibrated = ari.load_result(whole / f"{STEM}_forest.npz").calibrated
    assert calibrated is not None
    assert calibrated.exchange == sidecar["ExchangeabilityBlocksMeaning"]


def test_reports_only_repeats_the_report(whole: Path) -> None:
    before = (whole / f"{STEM}_report.html").read_bytes()
    assert main(["unused", str(whole), "group", "--reports-only"]) == 0
    assert without_times((whole / f"{STEM}_report.html").read_bytes()) == without_times(before)


def test_a_file_for_palm_gives_the_same(data: Path, whole: Path, tmp_path: Path) -> None:
    """Columns of the table and a file: whole blocks, in PALM's notation."""
    columns = run(data, tmp_path / "columns", "--blocks", "all,pair")
    blocks = tmp_path / "EB.csv"
    blocks.write_text("".join(f"1,{ord(family)}\n" for family in FAMILIES))
    file = run(data, tmp_path / "file", "--blocks", str(blocks))
    assert lambdas(whole) == lambdas(columns) == lambdas(file)
    sidecar = json.loads((file / f"{STEM}_draws.json").read_text())
    assert sidecar["ExchangeabilityBlocks"] == "EB.csv"


def test_a_changed_file_of_blocks_is_another_analysis(data: Path, tmp_path: Path) -> None:
    blocks = tmp_path / "EB.csv"
    blocks.write_text("".join(f"1,{ord(family)}\n" for family in FAMILIES))
    out = run(data, tmp_path / "out", "--blocks", str(blocks))
    before = lambdas(out)
    blocks.write_text("".join(f"-1,{i // 4 + 1}\n" for i in range(12)))
    run(data, out, "--blocks", str(blocks))
    assert lambdas(out) != before


def test_families_within_sites(data: Path, tmp_path: Path) -> None:
    """At each site one pair of three has the other group: 3 * 3 permutations; both: with 2^6 flips of families."""
    out = run(data, tmp_path / "out", "--blocks", "site/+family")
    assert json.loads((out / f"{STEM}_draws.json").read_text())["NumberOfDraws"] == 9
    out = run(data, tmp_path / "both", "--blocks", "site/+family", "--shuffle", "both", "--n-permutations", "50")
    sidecar = json.loads((out / f"{STEM}_draws.json").read_text())
    assert "signs are flipped for 6 blocks of subjects" in sidecar["ExchangeabilityBlocksMeaning"]


@pytest.mark.parametrize(
    ("blocks", "code", "message"),
    [
        ("family/+nope", 65, "has no column nope"),
        ("+family/g/site/nope", 65, "has no column nope"),
        ("all,family", 65, "column family has 'a' as a block"),
        ("/+family", 64, "a level without a name"),
        ("no.csv", 66, "There is no file of blocks"),
        ("+participant", 65, "has no column participant"),
        ("family", 65, "changes the test within the blocks of family"),
        ("site/family/subject", 65, "no two subjects of a block, and no two blocks of the same structure"),
    ],
)
def test_wrong_blocks_are_refused(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], blocks: str, code: int, message: str
) -> None:
    assert main([str(data), str(tmp_path / "out"), "group", *WORDS, "--blocks", blocks]) == code
    assert message in capsys.readouterr().err
