"""Write a derivative dataset: each file whole or not at all, and the files that describe them all."""

import csv
import gzip
import json
import logging
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import nibabel as nib
import pandas as pd

from bids_ari._version import __version__
from bids_ari.bids.dataset import LAYOUT_CONFIG, is_ours, read_json
from bids_ari.errors import OutputError, ReadError, UsageError

log = logging.getLogger(__name__)

BIDS_VERSION = "1.10.0"
CODE_URL = "https://github.com/bids-ari/bids_ari"
RECORDS = "logs/results"
"""Where each result's list of files and summary is kept: what a rerun replaces and the index shows."""

_IGNORED = ("group", "sub-*", "figures", "logs", "*.html", "layout_config.json")


class Derivatives:
    """A derivative dataset that is being written.

    As a context manager it makes the folder, proves before any work that it can be written, and removes it again
    when it is new and nothing was written.

    Parameters
    ----------
    folder : path
        The root of the dataset.
    sources : mapping of str to path
        The datasets that the results come from, by the names used in BIDS URIs.

    Raises
    ------
    UsageError
        When the folder holds another dataset.
    OutputError
        When the folder cannot be made or written.
    """

    def __init__(self, folder: str | Path, sources: Mapping[str, Path]) -> None:
        self.folder = Path(folder)
        self.sources = dict(sources)
        self._made: list[Path] = []  # folders that were not there before
        self._descriptions: dict[str, str] = {}

    def __enter__(self) -> "Derivatives":
        try:
            if (self.folder / "dataset_description.json").exists() and not is_ours(self.folder):
                raise UsageError(
                    f"The output folder {self.folder} holds another dataset",
                    "an empty or a new folder, or our own",
                )
            self._refuse_subject_folders()
            self._make_folder(self.folder)
            probe = self.folder / f".probe-{os.getpid()}"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            self._remove_empty()
            raise OutputError(f"The output folder {self.folder} cannot be written: {error.strerror}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove_empty()

    def image(self, name: str, image: nib.Nifti1Image) -> str:
        """Write an image as ``.nii.gz``, the same bytes for the same content; give its name back."""
        return self._write(name, gzip.compress(image.to_bytes(), compresslevel=6, mtime=0))

    def table(self, name: str, frame: pd.DataFrame) -> str:
        """Write a table as ``.tsv``, which in BIDS knows no quotes: white space within a text becomes one blank."""
        texts = frame.select_dtypes(include=["object", "string"]).columns
        plain = frame.assign(**{name: frame[name].map(_one_line, na_action="ignore") for name in texts})
        text = plain.to_csv(
            sep="\t",
            index=False,
            na_rep="n/a",
            float_format="%.10g",
            lineterminator="\n",
            quoting=csv.QUOTE_NONE,
        )
        return self._write(name, text.encode())

    def json(self, name: str, content: Mapping[str, Any]) -> str:
        """Write a JSON object."""
        return self._write(name, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())

    def text(self, name: str, text: str) -> str:
        """Write a text."""
        return self._write(name, text.encode())

    def binary(self, name: str, content: bytes) -> str:
        """Write bytes."""
        return self._write(name, content)

    def explain(self, desc: str, description: str) -> None:
        """Say what a ``desc`` label means, for ``descriptions.tsv``."""
        self._descriptions[f"desc-{desc}"] = description

    def record(self, result: str, written: Iterable[str], summary: Mapping[str, Any]) -> None:
        """Note what was written for a result; remove what only an earlier run of it wrote."""
        name, files = f"{RECORDS}/{result}.json", sorted(set(written))
        notes = {str(note.get("Name")): set(note.get("Files", [])) for note in self.records()}
        earlier = notes.pop(result, set())
        if earlier:
            log.info("%s: replaces the %d files of an earlier run", result, len(earlier))
        for stale in earlier.difference(files, *notes.values()):  # results of one contrast share files
            self._path(stale).unlink(missing_ok=True)
        time = datetime.now(UTC).isoformat(timespec="seconds")
        about = {"Name": result, "Contrast": summary.get("Contrast"), "Time": time}
        self.json(name, about | {"Results": [dict(summary)], "Files": files})

    def left_out(self, reasons: Mapping[str, str]) -> None:
        """Write which files and subjects took no part in this run, and why; the keys of `reasons` name them."""
        self.table("logs/left_out.tsv", pd.DataFrame(sorted(reasons.items()), columns=["name", "reason"]))

    def records(self) -> list[dict[str, Any]]:
        """Give what is noted of every result on disk, of earlier runs too, by name; a damaged note is left out."""
        notes = []
        for path in sorted((self.folder / RECORDS).glob("*.json")):
            try:
                notes.append(read_json(path))
            except ReadError as error:
                log.warning("%s; its result is missing from the index", error)
        return notes

    def describe(self) -> None:
        """Write the files that describe the dataset as a whole."""
        self.json("dataset_description.json", self._description())
        self.text(".bidsignore", "".join(f"{pattern}\n" for pattern in _IGNORED))
        self.text("layout_config.json", LAYOUT_CONFIG.read_text(encoding="utf-8"))
        self.text("README.md", _README)
        known = self._known_descriptions() | self._descriptions
        rows = pd.DataFrame(sorted(known.items()), columns=["desc_id", "description"])
        self.table("descriptions.tsv", rows)
        self.json(
            "descriptions.json",
            {
                "Description": "The meaning of each desc entity in this dataset",
                "desc_id": {"Description": "The desc entity of a file name, with its key"},
                "description": {"Description": "What the files with this entity hold"},
            },
        )

    def _description(self) -> dict[str, Any]:
        new = {name: _link(path.resolve(), self.folder.resolve()) for name, path in self.sources.items()}
        links = read_json(self.folder / "dataset_description.json").get("DatasetLinks", {}) | new
        sources = [read_json(path / "dataset_description.json") for path in self.sources.values()]
        licences = {str(source.get("License", "unknown")) for source in sources}
        authors = [str(author) for source in sources for author in source.get("Authors", [])]
        return {
            "Name": "All-Resolutions Inference by bids_ari",
            "BIDSVersion": BIDS_VERSION,
            "DatasetType": "derivative",
            "License": licences.pop() if len(licences) == 1 else "unknown",
            "Authors": list(dict.fromkeys(authors)) or ["unknown"],
            "GeneratedBy": [{"Name": "bids_ari", "Version": __version__, "CodeURL": CODE_URL}],
            "SourceDatasets": [{"URL": link} for link in links.values()],
            "DatasetLinks": links,
            "HowToAcknowledge": "Please cite Rosenblatt et al. (2018), doi:10.1016/j.neuroimage.2018.07.060",
        }

    def _known_descriptions(self) -> dict[str, str]:
        path = self.folder / "descriptions.tsv"
        if not path.is_file():
            return {}
        try:
            frame = pd.read_csv(path, sep="\t", dtype=str)
            return dict(zip(frame["desc_id"], frame["description"], strict=True))
        except (ValueError, KeyError) as error:
            log.warning("%s is damaged (%s) and made anew", path, error)
            return {}

    def _path(self, name: str) -> Path:
        return self.folder / name

    def _write(self, name: str, content: bytes) -> str:
        """Write a file under a temporary name in its folder, then give it its own."""
        path = self._path(name)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            self._make_folder(path.parent)
            temporary.write_bytes(content)
            temporary.replace(path)
        except BaseException as error:  # Ctrl-C too
            with suppress(OSError):
                temporary.unlink()
            if isinstance(error, OSError):
                raise OutputError(f"{path} cannot be written: {error.strerror}") from error
            raise
        return name

    def _refuse_subject_folders(self) -> None:
        """Refuse a place among the files of a subject of any dataset."""
        place = self.folder.resolve()
        for folder in (place, *place.parents):
            if folder.name.startswith("sub-") and (folder.parent / "dataset_description.json").exists():
                raise UsageError(
                    f"The output folder {self.folder} lies among a subject's files",
                    "a folder outside any dataset's sub-*",
                )

    def _make_folder(self, folder: Path) -> None:
        """Make a folder and those above it; remember which are new."""
        absent = [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        self._made.extend(reversed(absent))

    def _remove_empty(self) -> None:
        """Remove the new folders in which nothing was written."""
        for folder in reversed(self._made):
            if folder.is_dir() and not any(folder.iterdir()):
                shutil.rmtree(folder)


def _one_line(text: object) -> str:
    return " ".join(str(text).split())


def _link(path: Path, folder: Path) -> str:
    """Link a source dataset: relative, so that no user's folders are told and both can be moved together."""
    return Path(os.path.relpath(path, folder)).as_posix()


_README = """\
# All-Resolutions Inference

Made by bids_ari. Open `index.html` for the reports. For each contrast, `group/` (or `sub-*/`, where subjects were
analysed by themselves) holds statistical maps, the clusters above each threshold and the largest clusters that reach a
wanted true discovery proportion (label image, table), and the true discovery proportion (TDP) of each: with the stated
confidence, at least that fraction of the voxels of the cluster is truly active. `descriptions.tsv` says what each
`desc-` label means.
"""
