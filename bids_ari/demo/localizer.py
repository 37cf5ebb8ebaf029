"""The Localizer dataset of the demo: maps of 16 subjects, downloaded by nilearn, as in its tutorial."""

import logging
import textwrap
from pathlib import Path

import pandas as pd
from nilearn import datasets

from bids_ari.demo.dataset import CONTRAST, N_SUBJECTS, DemoDataset, check_folder, write_description
from bids_ari.errors import InputNotFoundError

log = logging.getLogger(__name__)

LOCALIZER = DemoDataset(
    name="Brainomics/Localizer button presses",
    space="MNI152Lin",
    licence="Unrestricted for non-commercial research purposes",
    source="https://osf.io/vhtf6/",
    maps=f"Effect of {CONTRAST} in one subject, by SPM",
    readme="localizer.md",
)


def write_localizer(folder: Path) -> None:
    """Download effect maps with nilearn, which caches them, and write them as BIDS.

    Where they cannot be downloaded, write nothing and raise InputNotFoundError.
    """
    check_folder(folder, LOCALIZER)
    cache = datasets.get_data_dirs()[0]
    log.info("fetching maps of %d subjects from https://osf.io into %s", N_SUBJECTS, cache)
    try:
        fetched = datasets.fetch_localizer_contrasts([CONTRAST], n_subjects=N_SUBJECTS, verbose=0)
        maps = {Path(path).parent.name: Path(path).read_bytes() for path in fetched["cmaps"]}
    except (OSError, ValueError, KeyError) as error:  # no network, no disk space, a response that is not the dataset
        reason = textwrap.shorten(f"{type(error).__name__}: {error}", 120, placeholder="...")
        raise InputNotFoundError(
            f"The Localizer maps could not be downloaded from https://osf.io into {cache} ({reason})",
            hint="Try again with a network; bids-ari-demo OUT, without --localizer, needs none",
        ) from error
    out = write_description(folder, LOCALIZER)
    out.table("participants.tsv", pd.DataFrame({"participant_id": [f"sub-{subject}" for subject in maps]}))
    for subject, content in maps.items():
        out.binary(LOCALIZER.statmap(subject, ".nii.gz"), content)
        out.json(LOCALIZER.statmap(subject, ".json"), {"Description": LOCALIZER.maps})
