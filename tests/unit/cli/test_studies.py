"""``bids-ari-studies``: what each study at a time is given of the computer."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from bids_ari.cli.studies import main
from bids_ari.runtime.processors import n_available


class Noted:
    """A runner that notes the words of each run."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def run(self, words: Sequence[str], log_file: Path, /) -> int:
        self.calls.append(list(words))
        log_file.write_text("")
        return 0

    def stop(self) -> None: ...


def options_of(tmp_path: Path, *words: str) -> list[str]:
    """Return the words of `bids-ari` behind the level, which are the same for both studies."""
    for study in ("ds1", "ds2"):
        (tmp_path / "in" / study / "task-go" / "sub-01").mkdir(parents=True)
    runner = Noted()
    assert main([str(tmp_path / "in"), str(tmp_path / "out"), *words], runner) == 0
    first, second = (call[call.index("group") + 1 :] for call in runner.calls)
    assert first == second
    return first


def test_one_at_a_time_has_the_whole_computer(tmp_path: Path) -> None:
    assert options_of(tmp_path, "--", "--alpha", "0.1") == ["--alpha", "0.1"]


def test_two_at_a_time_share_the_computer(tmp_path: Path) -> None:
    nprocs, n, mem, amount = options_of(tmp_path, "--jobs", "2")
    assert (nprocs, mem) == ("--nprocs", "--mem")
    assert int(n) == max(1, n_available() // 2)
    assert amount.endswith("M")


@pytest.mark.parametrize("words", [["--nprocs", "3", "--mem", "2G"], ["--nprocs=3", "--mem=2G"]], ids=["two", "one"])
def test_stated_shares_are_kept(tmp_path: Path, words: list[str]) -> None:
    """Of a flag that is given twice, the last one would count."""
    assert options_of(tmp_path, "--jobs", "2", "--", *words) == words
