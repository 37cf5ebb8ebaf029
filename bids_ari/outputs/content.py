"""Content of files, the same bytes for the same values."""

import csv
import gzip
import json
from collections.abc import Mapping
from typing import Any

import nibabel as nib
import pandas as pd


def image_bytes(image: nib.Nifti1Image) -> bytes:
    """Return the content of a ``.nii.gz`` file, without name or time."""
    return gzip.compress(image.to_bytes(), compresslevel=6, mtime=0)


def table_bytes(table: pd.DataFrame) -> bytes:
    """Return the content of a ``.tsv`` file. BIDS has no quotes there: white space within a text becomes one blank."""
    texts = table.select_dtypes(include=["object", "string"]).columns
    plain = table.assign(**{name: table[name].map(_one_line, na_action="ignore") for name in texts})
    text = plain.to_csv(
        sep="\t", index=False, na_rep="n/a", float_format="%.10g", lineterminator="\n", quoting=csv.QUOTE_NONE
    )
    return text.encode(errors="backslashreplace")


def json_bytes(content: Mapping[str, Any]) -> bytes:
    """Return the content of a JSON file; NaN and infinity are errors."""
    return (json.dumps(content, indent=2, allow_nan=False) + "\n").encode()


def _one_line(text: object) -> str:
    """Return a text with white space reduced to single blanks."""
    return " ".join(str(text).split())
