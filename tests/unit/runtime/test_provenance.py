"""Provenance of a result."""

import platform
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from bids_ari import __version__
from bids_ari.runtime import provenance

SIGNS = ("APPTAINER_CONTAINER", "SINGULARITY_CONTAINER", "BIDS_ARI_IMAGE")


@pytest.fixture(autouse=True)
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """No container, even if the tests run in one."""
    for name in SIGNS:
        monkeypatch.delenv(name, raising=False)
    there(monkeypatch)


def there(monkeypatch: pytest.MonkeyPatch, *files: str) -> None:
    """Let only these files be there."""
    monkeypatch.setattr(Path, "exists", lambda path: str(path) in files)


class TestVersions:
    def test_of_all_that_a_number_depends_on(self) -> None:
        found = provenance.versions()
        assert found["bids_ari"] == __version__
        assert found["python"] == platform.python_version()
        assert found["numpy"] == np.__version__
        assert "unknown" not in found.values()

    def test_every_package_that_is_named_is_one_that_we_depend_on(self) -> None:
        needed = " ".join(metadata.requires("bids_ari") or ())
        assert all(package in needed for package in provenance.PACKAGES)

    def test_one_that_does_not_say_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(provenance, "PACKAGES", ("no-such-package",))
        assert provenance.versions()["no-such-package"] == "unknown"


class TestContainer:
    def test_none(self) -> None:
        assert provenance.container() is None

    def test_a_name_alone_makes_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("BIDS_ARI_IMAGE", "bids_ari:1.0")
        assert provenance.container() is None

    @pytest.mark.parametrize(("file", "kind"), [("/.dockerenv", "docker"), ("/run/.containerenv", "podman")])
    def test_docker_and_podman(self, file: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """They do not tell a process the name of its image."""
        there(monkeypatch, file)
        assert provenance.container() == {"Type": kind}
        monkeypatch.setenv("BIDS_ARI_IMAGE", "bids_ari:1.0")
        assert provenance.container() == {"Type": kind, "Tag": "bids_ari:1.0"}

    @pytest.mark.parametrize("variable", ["APPTAINER_CONTAINER", "SINGULARITY_CONTAINER"])
    def test_apptainer(self, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """It may have been made of an image of docker, whose sign is still in it."""
        there(monkeypatch, "/.dockerenv")
        monkeypatch.setenv(variable, "/images/of/jane/bids_ari.sif")
        assert provenance.container() == {"Type": "apptainer", "Tag": "bids_ari.sif"}
        monkeypatch.setenv("BIDS_ARI_IMAGE", "bids_ari:1.0")
        assert provenance.container() == {"Type": "apptainer", "Tag": "bids_ari:1.0"}


@pytest.mark.parametrize(
    ("program", "name"),
    [
        ("/opt/bin/bids-ari", "bids-ari"),
        ("bids-ari-map", "bids-ari-map"),
        ("/opt/site-packages/bids_ari/__main__.py", "bids_ari"),  # python -m bids_ari
    ],
)
def test_the_command_as_it_was_typed(program: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the folders of the user's machine before the program."""
    monkeypatch.setattr(sys, "argv", [program, "in", "out", "group", "--alpha", "0.01"])
    assert provenance.command() == [name, "in", "out", "group", "--alpha", "0.01"]


class TestMade:
    def test_a_command_of_this_package(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "argv", ["/opt/jo/bin/bids-ari", "/home/jo/ds", "out/", "group"])
        assert provenance.made().command == ("bids-ari", "ds", "out", "group")
        assert provenance.made().versions["bids_ari"] == __version__
        assert provenance.made().container == {}

    def test_no_other_command_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A notebook runs under a program that says nothing of what was done."""
        monkeypatch.setattr(sys, "argv", ["/opt/jo/ipykernel_launcher.py", "-f", "/home/jo/kernel.json"])
        assert provenance.made().command == ()

    @pytest.mark.parametrize(
        ("typed", "expected"),
        [
            ("--mask /home/jo/m.nii --smoothing 8", "--mask m.nii --smoothing 8"),
            ("--mask=/home/jo/m.nii", "--mask=m.nii"),
            ("-w/home/jo -d ../jo/deriv other", "-wjo -d deriv other"),
            ("--formula a/b /home/jo/ds", "--formula a/b ds"),
            ("--formula a/b ../jo/ds", "--formula a/b ds"),
            ("--formula=a/b ../jo/ds", "--formula=a/b ds"),
            ("--test x=a/2 y=b/2 --mask jo/m.nii", "--test x=a/2 y=b/2 --mask m.nii"),
            ("--test x=a/2 /home/jo/ds", "--test x=a/2 ds"),
            ("C:\\jo\\ds / ./", "ds / ."),
        ],
    )
    def test_only_the_last_part_of_a_path_is_kept(self, typed: str, expected: str) -> None:
        assert " ".join(provenance.without_paths(typed.split())) == expected

    def test_a_home_bears_the_name_of_its_user(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", "/home/jo")
        assert list(provenance.without_paths(["bids-ari", "/home/jo", "/home/jo/", "/home/jo/out"])) == [
            "bids-ari",
            "~",
            "~",
            "out",
        ]
