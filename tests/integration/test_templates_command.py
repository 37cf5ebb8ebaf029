"""``bids-ari-templates``: fills a folder by the client of TemplateFlow, with a replacement for the network."""

import errno
import gzip
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import templateflow

from bids_ari.cli.templates import main

MASK = "tpl-MNI152NLin6Asym/tpl-MNI152NLin6Asym_res-02_desc-brain_mask.nii.gz"
T1W = "tpl-MNI152NLin6Asym/tpl-MNI152NLin6Asym_res-02_T1w.nii.gz"
Capture = pytest.CaptureFixture[str]


class Network:
    """The replacement for the network: files whose content is their address; what it was asked for; what it lacks."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.lacks = ""
        self.is_there = True

    def get(self, url: str, **_: Any) -> SimpleNamespace:
        self.asked.append(url)
        if not self.is_there:
            raise requests.exceptions.ConnectionError("no network")
        status = 404 if self.lacks and self.lacks in url else 200
        return SimpleNamespace(status_code=status, headers={}, iter_content=lambda _: self.content(url))

    def content(self, url: str) -> Iterator[bytes]:
        yield url.encode()


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    network = Network()
    monkeypatch.setattr(requests, "get", network.get)
    return network


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: Network) -> Path:
    """A folder with another file, so that not all of TemplateFlow is listed, and the client of a process for it."""
    home = tmp_path / "templates"
    home.mkdir()
    (home / "CHANGES").touch()
    made = templateflow.TemplateFlowClient(root=home)
    client = SimpleNamespace(api=made, __spec__=templateflow.__spec__)
    monkeypatch.setitem(sys.modules, "templateflow", client)
    return home


def test_what_a_space_needs_is_in_the_folder_and_not_downloaded_again(
    folder: Path, network: Network, capsys: Capture
) -> None:
    assert main([str(folder), "MNI152NLin6Asym:res-2:Schaefer2018:200Parcels7Networks"]) == 0
    assert capsys.readouterr().out.endswith(f"To use them: export TEMPLATEFLOW_HOME={folder}\n")
    assert (folder / MASK).read_text().endswith(MASK)
    n_asked = len(network.asked)
    assert {MASK, T1W} <= {url.partition("/")[2].partition("/")[2].partition("/")[2] for url in network.asked}

    network.is_there = False
    assert main([str(folder), "MNI152NLin6Asym:res-2"]) == 0
    assert "2 files of TemplateFlow" in (out := capsys.readouterr().out)
    assert "0 of them new" in out
    assert len(network.asked) == n_asked


def test_without_a_network_nothing_is_left_that_looks_complete(folder: Path, network: Network, capsys: Capture) -> None:
    """One attempt is enough."""
    network.is_there = False
    assert main([str(folder), "MNI152NLin6Asym:res-2", "fsLR:den-32k"]) == 66
    captured = capsys.readouterr()
    assert "could not be downloaded (ConnectionError)" in captured.err
    assert Path(T1W).name in captured.err
    assert captured.out == ""
    assert len(network.asked) == 1
    assert not (folder / MASK).stat().st_size


def test_a_file_that_is_not_to_be_had_does_not_stop_the_others(folder: Path, network: Network, capsys: Capture) -> None:
    network.lacks = Path(T1W).name
    assert main([str(folder), "MNI152NLin6Asym:res-2"]) == 66
    assert f"1 of 2 files of TemplateFlow could not be downloaded (RuntimeError): {Path(T1W).name}." in (
        " ".join(capsys.readouterr().err.split())
    )
    assert (folder / MASK).stat().st_size


def test_an_interrupted_file_is_not_taken_for_a_complete_one(
    folder: Path, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(url: str) -> Iterator[bytes]:
        yield b"half"
        raise KeyboardInterrupt

    monkeypatch.setattr(network, "content", broken)
    assert main([str(folder), "MNI152NLin6Asym:res-2"]) == 130
    assert {path.stat().st_size for path in (folder / MASK, folder / T1W)} == {0}


def test_the_beginning_of_a_file_is_downloaded_again(folder: Path, network: Network) -> None:
    """As a process that was killed leaves it."""
    mesh = "tpl-fsLR/tpl-fsLR_den-32k_hemi-L_midthickness.surf.gii"
    whole, xml = gzip.compress(bytes(1000)), b'<?xml version="1.0"?><GIFTI></GIFTI>\n'
    for path, content in ((T1W, whole), (MASK, whole[:-9]), (mesh, xml[:-9]), (mesh.replace("-L", "-R"), xml)):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    assert main([str(folder), "MNI152NLin6Asym:res-2", "fsLR:den-32k"]) == 0
    assert (folder / T1W).read_bytes() == whole
    (folder / T1W).write_bytes(bytes(20))
    assert main([str(folder), "MNI152NLin6Asym:res-2"]) == 0
    assert (folder / T1W).read_text().endswith(T1W)
    assert (folder / mesh.replace("-L", "-R")).read_bytes() == xml
    assert (folder / MASK).read_text().endswith(MASK)
    assert (folder / mesh).read_text().endswith(mesh)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to any folder")
def test_a_complete_folder_need_not_be_writable(folder: Path, network: Network) -> None:
    """As one that a group shares."""
    assert main([str(folder), "MNI152NLin6Asym:res-2"]) == 0
    modes = {path: path.stat().st_mode for path in (folder, folder / T1W, (folder / T1W).parent)}
    for path in modes:
        path.chmod(0o555)
    try:
        assert main([str(folder), "MNI152NLin6Asym:res-2"]) == 0
        assert main([str(folder), "MNI152NLin6Asym:res-1"]) == 73
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


def test_the_login_page_of_a_network_is_no_file(
    folder: Path, network: Network, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(network, "content", lambda _: iter([b"\n<!DOCTYPE html><html>Log in</html>"]))
    assert main([str(folder), "MNI152NLin6Asym:res-2"]) == 66
    assert "2 of 2 files of TemplateFlow could not be downloaded (ConnectionError)" in capsys.readouterr().err
    assert {path.stat().st_size for path in (folder / MASK, folder / T1W)} == {0}


def test_a_full_disk_is_no_failure_of_the_network(
    folder: Path, network: Network, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Its exit code is that of output that cannot be written, and no file is left that looks complete."""

    def write(_: str) -> Iterator[bytes]:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(network, "content", write)
    assert main([str(folder), "MNI152NLin6Asym:res-2"]) == 73
    assert f"TemplateFlow {folder} cannot be written: {os.strerror(errno.ENOSPC)}" in capsys.readouterr().err
    assert {path.stat().st_size for path in (folder / MASK, folder / T1W)} == {0}


def test_a_file_that_is_there_is_kept(folder: Path, network: Network) -> None:
    (folder / T1W).parent.mkdir(parents=True)
    (folder / T1W).write_text("own")
    assert main([str(folder), "MNI152NLin6Asym:res-2"]) == 0
    assert (folder / T1W).read_text() == "own"
    assert (folder / MASK).stat().st_size


def test_a_new_folder_lists_all_of_templateflow(folder: Path, network: Network) -> None:
    """So that other programs can use it."""
    (folder / "CHANGES").unlink()
    assert main([str(folder), "MNI152NLin6Asym:res-2"]) == 0
    assert (folder / MASK).stat().st_size
    assert (folder / "tpl-MNI152Lin").is_dir()


def test_a_name_without_files_and_a_folder_that_is_a_file(folder: Path, network: Network, tmp_path: Path) -> None:
    assert main([str(folder), "MNI152NLin6Asim"]) == 18
    assert [path.name for path in folder.iterdir()] == ["CHANGES"]
    (tmp_path / "file").touch()
    assert main([str(tmp_path / "file"), "fsLR"]) == 73
    assert main([str(folder)]) == 64
    assert main([str(folder), ""]) == 64
    assert network.asked == []
