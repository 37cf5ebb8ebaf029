"""What the datasets of the demo have in common: their contrast, the names of their files, and their description."""

from dataclasses import dataclass
from pathlib import Path

from bids_ari._version import __version__
from bids_ari.bids.entities import Entities
from bids_ari.bids.sidecars import read_json
from bids_ari.errors import UsageError
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.description import BIDS_VERSION, CODE_URL
from bids_ari.outputs.folder import made_folder
from bids_ari.runtime.caches import is_temporary

CONTRAST = "left vs right button press"
N_SUBJECTS = 16
"""Those of nilearn's tutorial on true positives in clusters."""

MADE_BY = "bids_ari demo"


@dataclass(frozen=True, slots=True)
class DemoDataset:
    """The facts about a dataset, and the names of its files."""

    name: str
    space: str  # label of the space of its maps
    licence: str
    source: str  # address of the data that it is derived from
    maps: str  # description of its maps, for their sidecars
    readme: str  # the file with the text of its README, beside this module

    def path(self, suffix: str, extension: str, **labels: str) -> str:
        """Return the path of a file in the dataset."""
        folder = f"sub-{labels['sub']}/" if "sub" in labels else ""
        return folder + Entities.of({"space": self.space, **labels}).filename(suffix, extension)

    def statmap(self, subject: str, extension: str, **labels: str) -> str:
        """Return the path of the map of a subject, named as by nilearn's ``save_glm_to_bids``."""
        labels |= {"task": "localizer", "contrast": "leftVsRightButtonPress", "stat": "effect"}
        return self.path("statmap", extension, sub=subject, **labels)


def check_folder(folder: Path, dataset: DemoDataset) -> None:
    """Raise UsageError for a folder that holds anything but an earlier version of the same dataset."""
    description = read_json(folder / "dataset_description.json")
    if description.get("Name") != dataset.name or MADE_BY not in str(description.get("GeneratedBy")):
        _check_is_new(folder, f"a new folder, or an earlier dataset of this command: {dataset.name}")


def practice_folder(folder: Path, title: str) -> Derivatives:
    """Create a folder of practice data with its README, and return it as one to write to.

    Raises
    ------
    UsageError
        When it holds anything but an earlier version of the same.
    """
    readme, heading = folder / "README.md", f"# {title}\n"
    if not readme.is_file() or not readme.read_text(encoding="utf-8", errors="replace").startswith(heading):
        _check_is_new(folder, f"a new folder, or an earlier one of this command: {title}")
    made_folder(folder)
    out = Derivatives(folder, {})
    out.text("README.md", f"{heading}\nSimulated by bids-ari-demo.\n")
    return out


def _check_is_new(folder: Path, expected: str) -> None:
    """Raise UsageError unless a folder is absent, or empty but for temporary folders of this process."""
    if folder.exists() and not (folder.is_dir() and all(map(is_temporary, folder.iterdir()))):
        raise UsageError(f"{folder} holds other files", expected, "Choose another OUT")


def write_description(folder: Path, dataset: DemoDataset, **facts: float) -> Derivatives:
    """Write the files about the dataset as a whole, first, so that an incomplete dataset can be written again.

    `facts` are filled into its README.
    """
    made_folder(folder)
    out = Derivatives(folder, {})
    description = {
        "Name": dataset.name,
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "License": dataset.licence,
        "GeneratedBy": [{"Name": MADE_BY, "Version": __version__, "CodeURL": CODE_URL}],
        "SourceDatasets": [{"URL": dataset.source}],
    }
    out.json("dataset_description.json", description)
    template = Path(__file__).with_name(dataset.readme).read_text(encoding="utf-8")
    readme = template.format(CONTRAST=CONTRAST, N_SUBJECTS=N_SUBJECTS, **facts)
    out.text("README.md", f"# {dataset.name}\n\n{readme}")
    out.text(".bidsignore", "*_statmap.*\n*_dseg.*\n*_mask.*\n")
    return out
