"""The table of options: one line adds an option everywhere."""

import runpy
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bids_ari.cli import main as cli
from bids_ari.config.methods import METHODS
from bids_ari.config.options import Options
from bids_ari.config.settings import INFERENCE, MapSettings, Modes, Resources, Settings
from bids_ari.config.table import SidecarEntry, build, entries, option, part, sidecar_entries
from bids_ari.config.toml import read_config, to_toml
from bids_ari.errors import UsageError

ROOT = Path(__file__).parents[3]
TOY = SidecarEntry("Toy", "model")


@dataclass(frozen=True, slots=True)
class MoreOptions(Options):
    """All options, and one more."""

    toy: int = option(
        3, "a toy, in mm", group=INFERENCE, at_least=1, at_most=9, metavar="MM", sidecar=SidecarEntry("Toy", "model")
    )


@dataclass(frozen=True, slots=True)
class MoreSettings(Settings):
    """All settings, and one more."""

    options: MoreOptions = part(MoreOptions)


def parse(*words: str) -> MoreSettings:
    """Return the settings of a command line with the additional option."""
    arguments = cli.parser(MoreSettings).parse_intermixed_args(["in", "out", "group", *words])
    settings = cli.read_settings(arguments, MoreSettings)
    assert isinstance(settings, MoreSettings)
    return settings


class TestOneMoreOption:
    def test_help(self) -> None:
        help_page = " ".join(cli.parser(MoreSettings).format_help().split())
        assert "--toy MM a toy, in mm (default: 3)" in help_page

    def test_command_line(self) -> None:
        assert parse("--toy", "7").options.toy == 7
        assert parse().options.toy == 3

    def test_python(self) -> None:
        assert MoreOptions(toy=5).toy == 5

    @pytest.mark.parametrize("value", [0, 10, 2.5, "3", None, True])
    def test_rule(self, value: Any) -> None:
        with pytest.raises(UsageError, match=r"toy is .*; expected a whole number, 1 or more, at most 9"):
            MoreOptions(toy=value)

    def test_configuration_file(self, tmp_path: Path) -> None:
        file = tmp_path / "settings.toml"
        file.write_text(to_toml(parse("--toy", "8")))
        _, words = read_config(file, MoreSettings)
        assert parse(*words).options.toy == 8

    def test_sidecar(self) -> None:
        assert sidecar_entries(MoreOptions(toy=4), "model")["Toy"] == 4
        assert "Toy" not in sidecar_entries(MoreOptions(), "inference")

    def test_page_of_flags(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "path", [str(ROOT / "docs"), *sys.path])
        from made_from_code import flag_lines

        lines = flag_lines(cli.parser(MoreSettings), INFERENCE)
        assert "A toy, in mm (default: 3)." in lines[lines.index("```{option} --toy MM") + 1]

    def test_platform_descriptors(self) -> None:
        descriptor = runpy.run_path(str(ROOT / "platforms" / "boutiques" / "describe.py"))["describe"](MoreSettings)
        (found,) = [each for each in descriptor["inputs"] if each["id"] == "toy"]
        assert (found["type"], found["integer"], found["command-line-flag"]) == ("Number", True, "--toy")
        assert (found["minimum"], found["maximum"]) == (1, 9)


@pytest.mark.parametrize("table", [Settings, MapSettings, Modes])
def test_each_option_has_one_name_and_a_help(table: type) -> None:
    names = [entry.name for entry in entries(table)]
    assert len(set(names)) == len(names)
    assert all(entry.help for entry in entries(table))


def test_settings_are_built_from_values_by_name() -> None:
    settings = build(Settings, {"bids_dir": "in", "output_dir": "out", "alpha": 0.01, "nprocs": 2, "contrast": "faces"})
    assert (settings.options, settings.resources) == (Options(alpha=0.01), Resources(nprocs=2))
    assert settings.filters.contrast == ("faces",)


def test_attributes_are_documented_from_the_table() -> None:
    lines = str(Options.__doc__).splitlines()
    assert lines[lines.index("alpha : float") + 1] == "    Error level of each result (default: 0.05)."
    assert f"method : tuple of {{{', '.join(map(repr, METHODS))}}}" in lines


def test_memory_is_bytes_or_text() -> None:
    assert Resources(mem=2**20).mem == Resources(mem="1M").mem == Resources(mem="1").mem == 2**20  # type: ignore[arg-type]
