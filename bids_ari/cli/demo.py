"""bids-ari-demo: a small dataset whose truth is known, and the main job run on it.

The simulated subjects respond to 'left vs right button press' where nilearn's sample motor map says so, each more
or less strongly, with smooth noise of their own on top. Where the map says little, the true effect is exactly zero.
"""

import argparse
import logging
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bids_ari._version import __version__
from bids_ari.cli.arguments import Parser, add_general, some_path
from bids_ari.cli.runner import answer
from bids_ari.errors import InputNotFoundError, OutputError, UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from bids_ari.analysis.result import ContrastResult
    from bids_ari.images.space import VolumeSpace
    from bids_ari.outputs.derivatives import Derivatives
    from bids_ari.stats.distributions import FloatArray

log = logging.getLogger(__name__)

MADE_BY = "bids_ari demo"

CONTRAST = "left vs right button press"
N_SUBJECTS = 16
FWHM = 8.0
"""Contrast, number of subjects and smoothing (mm): those of nilearn's tutorial on true positives in clusters."""

SEED = 2018
"""With it, no bound exceeds the truth image, neither of the whole mask nor of any cluster.

Of seeds 0 to 99, none has a cluster (z > 3, 4, 5) whose bound exceeds its number of voxels with a true effect above
zero after smoothing, which is what is tested. The truth image shows the effect before smoothing; of that, 30 seeds
have such a cluster, by 1 to 4 voxels that smoothing made active.
"""

VOXEL = 4
"""Voxel size of the simulated maps, in mm."""

LEVEL = 2.0
SLOPE = 0.3
"""The true effect is `SLOPE` times the part of the motor map (z) beyond `LEVEL`; it sets in without a step."""

RESPONSE_SD = 0.3
"""How much the strength of the effect, 1 on average, varies between subjects."""

NOISE_SD = 1.5
NOISE_FWHM = 6.0
WHITE = 0.5
"""Standard deviation and smoothness (mm) of the noise, and the size of its white part relative to the smooth one."""

ABOVE, BELOW = 1, 2
"""Labels of the truth image: a true effect above zero, and below."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What the demo says of a dataset that it makes.

    Attributes
    ----------
    name : str
        The name of the dataset, by which the demo knows it again.
    space : str
        The label of the space of its maps.
    licence, source : str
        Licence and address of what it comes from.
    maps : str
        What its maps are, for their sidecars.
    readme : str
        Its README, after the title.
    """

    name: str
    space: str
    licence: str
    source: str
    maps: str
    readme: str

    def path(self, suffix: str, extension: str, **labels: str) -> str:
        """Give the path of a file in the dataset."""
        from bids_ari.bids.entities import Entities

        folder = f"sub-{labels['sub']}/" if "sub" in labels else ""
        return folder + Entities.of({"space": self.space, **labels}).filename(suffix, extension)

    def statmap(self, subject: str, extension: str) -> str:
        """Give the path of the map of a subject, named as by nilearn's ``save_glm_to_bids``."""
        labels = {"task": "localizer", "contrast": "leftVsRightButtonPress", "stat": "effect"}
        return self.path("statmap", extension, sub=subject, **labels)


SIMULATED = Kind(
    name="Simulated button presses with known truth",
    space="MNI152NLin2009aSym",
    licence="CC0",
    source="https://neurovault.org/images/10426/",
    maps=f"Simulated effect of {CONTRAST} in one subject, in arbitrary units",
    readme=f"""\
Effect maps of {N_SUBJECTS} subjects, made by bids-ari-demo, for the contrast '{CONTRAST}':

    map of a subject = response x true effect + noise, within the brain mask

- The true effect is {SLOPE:g} times the part of nilearn's sample motor map (z, NeuroVault image 10426) beyond
  {LEVEL:g} or -{LEVEL:g}. It is exactly zero elsewhere.
- The response is one factor per subject, in participants.tsv: mean 1, standard deviation {RESPONSE_SD:g}.
- The noise has standard deviation {NOISE_SD:g} and is smooth over {NOISE_FWHM:g} mm; added to it is white noise,
  {WHITE:g} times as large.

The image desc-truth_dseg says where the true effect is above zero ({ABOVE}), below zero ({BELOW}), or zero (0).

What is tested are the smoothed maps, and smoothing carries some effect across these borders. The bounds hold for the
voxels active after smoothing; this image counts fewer, those before. Here the bounds hold for these too.
""",
)

LOCALIZER = Kind(
    name="Brainomics/Localizer button presses",
    space="MNI152Lin",
    licence="Unrestricted for non-commercial research purposes",
    source="https://osf.io/vhtf6/",
    maps=f"Effect of {CONTRAST} in one subject, by SPM",
    readme=f"""\
Effect maps of {N_SUBJECTS} subjects of the Brainomics/Localizer dataset for the contrast '{CONTRAST}', downloaded
with nilearn and named in the manner of BIDS by bids-ari-demo. The images themselves are unchanged.

Papadopoulos Orfanos et al. (2017), NeuroImage 144:309. Pinel et al. (2007), BMC Neuroscience 8:91.
""",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Make a dataset, analyse it, and say where to look; give the exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after the command; those of the process by default.
    """
    return answer(parser().parse_args, argv, show)


def show(arguments: argparse.Namespace) -> int:
    """Run the demo that is asked for and say what came out; give the exit code."""
    sys.stdout.write(run_demo(arguments.output_dir, LOCALIZER if arguments.localizer else SIMULATED))
    return 0


def parser() -> Parser:
    """Make the parser."""
    top = Parser(
        prog="bids-ari-demo",
        description="Write a small derivative dataset whose truth is known to OUT/dataset, run the group analysis of "
        "bids-ari on it into OUT/results, and compare what was found with the truth. Needs no network.",
    )
    top.add_argument("output_dir", type=some_path, metavar="OUT", help="folder that gets dataset/ and results/")
    top.add_argument(
        "--localizer",
        action="store_true",
        help=f"download real maps instead: {N_SUBJECTS} subjects of the Localizer dataset, as in nilearn's tutorial",
    )
    add_general(top)
    return top


def run_demo(folder: Path, kind: Kind = SIMULATED) -> str:
    """Make a dataset and run the main job on it.

    Parameters
    ----------
    folder : Path
        Gets ``dataset`` and ``results``.
    kind : Kind
        `SIMULATED` or `LOCALIZER`.

    Returns
    -------
    str
        What was found and where to look, for people.

    Raises
    ------
    UsageError
        When the folder holds something else.
    InputNotFoundError
        When the maps of `LOCALIZER` cannot be downloaded.
    """
    from bids_ari.config.options import Options
    from bids_ari.config.settings import Settings
    from bids_ari.outputs.names import explorer_name, report_name
    from bids_ari.workflow import run

    dataset, results = folder / "dataset", folder / "results"
    (write_localizer if kind is LOCALIZER else write_simulated)(dataset)
    mask = dataset / kind.path("mask", ".nii.gz", desc="brain") if kind is SIMULATED else None
    options = Options(mask=mask, smoothing=FWHM, alternative=("greater",), alpha=0.05, threshold=(3, 4, 5))
    summary = run(Settings(dataset, results, options=options))
    for failure in summary.failures:
        raise failure.error
    result = summary.results[0]
    sentence = _found(result) + (_true(result, dataset) if kind is SIMULATED else "")
    where = {"Dataset": dataset, "Results": results / "index.html", "Report": results / report_name(result)}
    where["Explorer"] = results / explorer_name(result)
    return "".join(f"{what + ':':<10}{path}\n" for what, path in where.items()) + f"{sentence}.\n"


def write_simulated(folder: Path) -> None:
    """Write the simulated dataset: the same bytes each time."""
    import numpy as np
    import pandas as pd

    _claim(folder, SIMULATED)
    mask, effect = true_effect()
    rng = np.random.default_rng(SEED)
    responses = rng.normal(1, RESPONSE_SD, N_SUBJECTS).round(3)
    subjects = [f"{i:02d}" for i in range(1, N_SUBJECTS + 1)]
    out = _describe(folder, SIMULATED)
    people = pd.DataFrame({"participant_id": [f"sub-{subject}" for subject in subjects], "response": responses})
    out.table("participants.tsv", people)
    out.json("participants.json", {"response": {"Description": "Factor of the true effect in this subject"}})
    _write_truth(out, mask, effect)
    for subject, volume in zip(subjects, subject_maps(mask, effect, responses, rng), strict=True):
        out.image(SIMULATED.statmap(subject, ".nii.gz"), mask.grid.image(volume))
        out.json(SIMULATED.statmap(subject, ".json"), {"Description": SIMULATED.maps})


def true_effect() -> "tuple[VolumeSpace, FloatArray]":
    """Read off nilearn's sample motor map where the brain is and what the true mean effect is, (x, y, z)."""
    import numpy as np
    from nilearn.datasets import load_mni152_brain_mask, load_sample_motor_activation_image
    from nilearn.image import resample_to_img
    from scipy import ndimage

    from bids_ari.images.files import read_image
    from bids_ari.images.space import Grid, VolumeSpace

    template = load_mni152_brain_mask(resolution=VOXEL)
    image = read_image(resample_to_img(load_sample_motor_activation_image(), template, interpolation="linear"))
    motor, grid = image.values, image.header.grid
    brain = read_image(template).values
    inside = ndimage.binary_fill_holes((brain > 0) & (motor != 0))  # the motor map ends above the lowest slices
    effect = SLOPE * np.sign(motor) * np.maximum(np.abs(motor) - LEVEL, 0)
    return VolumeSpace(Grid(grid.shape, grid.affine, codes=(4, 0)), inside), np.where(inside, effect, 0)


def subject_maps(
    mask: "VolumeSpace", effect: "FloatArray", responses: "FloatArray", rng: "np.random.Generator"
) -> "Iterator[npt.NDArray[np.float32]]":
    """Simulate the map of each subject, (x, y, z): its response to the true effect, and noise; 0 outside the mask."""
    import numpy as np
    from scipy import ndimage

    sigma = NOISE_FWHM / np.sqrt(8 * np.log(2)) / VOXEL
    for response in responses:
        smooth = ndimage.gaussian_filter(rng.standard_normal(effect.shape), sigma)
        noise = NOISE_SD * (smooth / smooth.std() + WHITE * rng.standard_normal(effect.shape))
        volume = np.where(mask.inside, response * effect + noise, 0)
        yield volume.astype(np.float16).astype(np.float32)  # rounded, so that files are small and machines agree


def write_localizer(folder: Path) -> None:
    """Download maps of the Localizer dataset and arrange them as BIDS; writes nothing when that is not possible."""
    import pandas as pd

    _claim(folder, LOCALIZER)
    maps = fetch_localizer()
    out = _describe(folder, LOCALIZER)
    out.table("participants.tsv", pd.DataFrame({"participant_id": [f"sub-{subject}" for subject in maps]}))
    for subject, content in maps.items():
        out.binary(LOCALIZER.statmap(subject, ".nii.gz"), content)
        out.json(LOCALIZER.statmap(subject, ".json"), {"Description": LOCALIZER.maps})


def fetch_localizer() -> Mapping[str, bytes]:
    """Download effect maps with nilearn, which keeps them for the next time; give each subject's file content.

    Raises
    ------
    InputNotFoundError
        When the maps cannot be had.
    """
    from nilearn.datasets import fetch_localizer_contrasts, get_data_dirs

    keeps = get_data_dirs()[0]
    log.info("fetching maps of %d subjects from https://osf.io, kept in %s", N_SUBJECTS, keeps)
    try:
        fetched = fetch_localizer_contrasts([CONTRAST], n_subjects=N_SUBJECTS, verbose=0)
        maps = {Path(path).parent.name: Path(path).read_bytes() for path in fetched["cmaps"]}
    except (OSError, ValueError, KeyError) as error:  # no network, no space, an answer that is not the dataset
        reason = textwrap.shorten(f"{type(error).__name__}: {error}", 120, placeholder="...")
        raise InputNotFoundError(
            f"The Localizer maps could not be downloaded from https://osf.io into {keeps} ({reason})",
            hint="Try again with a network; bids-ari-demo OUT, without --localizer, needs none",
        ) from error
    return maps


def _claim(folder: Path, kind: Kind) -> None:
    """Refuse a folder that holds anything but an earlier dataset of the same kind."""
    from bids_ari.bids.sidecars import read_json

    about = read_json(folder / "dataset_description.json")
    if about.get("Name") == kind.name and MADE_BY in str(about.get("GeneratedBy")):
        return
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UsageError(
            f"{folder} holds something else",
            f"a new folder, or an earlier dataset of this command: {kind.name}",
            "Choose another OUT",
        )


def _describe(folder: Path, kind: Kind) -> "Derivatives":
    """Write what describes the dataset as a whole, first, so that a dataset cut short is known again."""
    from bids_ari.outputs.derivatives import Derivatives
    from bids_ari.outputs.description import BIDS_VERSION, CODE_URL

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder {folder} cannot be made: {error.strerror}") from error
    out = Derivatives(folder, {})
    about = {
        "Name": kind.name,
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "License": kind.licence,
        "GeneratedBy": [{"Name": MADE_BY, "Version": __version__, "CodeURL": CODE_URL}],
        "SourceDatasets": [{"URL": kind.source}],
    }
    out.json("dataset_description.json", about)
    out.text("README.md", f"# {kind.name}\n\n{kind.readme}")
    out.text(".bidsignore", "*_statmap.*\n*_dseg.*\n*_mask.*\n")
    return out


def _write_truth(out: "Derivatives", mask: "VolumeSpace", effect: "FloatArray") -> None:
    """Write the brain mask, and where the true effect is above or below zero."""
    import numpy as np
    import pandas as pd

    names = {ABOVE: "true effect above zero", BELOW: "true effect below zero"}
    truth = np.select([effect > 0, effect < 0], [ABOVE, BELOW], 0)
    for suffix, desc, volume, meaning in (
        ("mask", "brain", mask.inside, "Voxels of the brain where the motor map has data"),
        ("dseg", "truth", truth, "Sign of the true effect; 0 where it is exactly zero"),
    ):
        out.image(SIMULATED.path(suffix, ".nii.gz", desc=desc), mask.grid.image(volume.astype(np.uint8)))
        out.json(SIMULATED.path(suffix, ".json", desc=desc), {"Description": meaning})
    labels = pd.DataFrame({"index": names.keys(), "name": names.values()})
    out.table(SIMULATED.path("dseg", ".tsv", desc="truth"), labels)


def _found(result: "ContrastResult") -> str:
    """Say how many voxels are active."""
    return (
        f"With {1 - result.bound.alpha:.0%} confidence, at least {result.bound.whole} of the {result.space.n_points} "
        "voxels tested are active"
    )


def _true(result: "ContrastResult", dataset: Path) -> str:
    """Say how many of the voxels tested truly are active, as the truth image has it."""
    from bids_ari.images.files import read_image

    truth = read_image(dataset / SIMULATED.path("dseg", ".nii.gz", desc="truth")).values
    return f"; in truth {int((result.space.select(truth) == ABOVE).sum())} are"
