"""Images with the headers that SPM, FSL and AFNI write, after their documentation and source."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
from builders import image


def spm_image(data: npt.ArrayLike, descrip: str) -> nib.Nifti1Image:
    """An image with a description, such as ``SPM{T_[19.0]} - contrast 1: faces``."""
    made = image(data)
    made.header["descrip"] = descrip
    return made


def image_with_intent(data: npt.ArrayLike, code: int | str, *parameters: float) -> nib.Nifti1Image:
    """An image with a NIfTI intent; FSL writes t test and F test without degrees of freedom."""
    made = image(data)
    made.header.set_intent(code, parameters, allow_unknown=True)
    return made


def write_afni(path: Path, data: npt.ArrayLike, *, factors: Sequence[float] | None = None, **attributes: str) -> Path:
    """Write volumes in AFNI's own format, voxels of 1 mm from left and front; return the path of its header.

    The values, (x, y, z) or (x, y, z, n), are single precision, or with factors whole numbers that these multiply.
    """
    values = np.asarray(data, dtype="<f4" if factors is None else "<i2")
    values = values.reshape(*values.shape[:3], -1)
    n = values.shape[3]
    texts = [" ".join(map(str, numbers)) for numbers in (values.shape[:3], factors or [0] * n)]
    written = {
        **{"DATASET_RANK": ("integer", f"3 {n}"), "DATASET_DIMENSIONS": ("integer", texts[0])},
        **{"BRICK_TYPES": ("integer", " ".join(["3" if factors is None else "1"] * n))},
        **{"BRICK_FLOAT_FACS": ("float", texts[1]), "SCENE_DATA": ("integer", "2 0 0")},
        **{"ORIENT_SPECIFIC": ("integer", "0 3 4"), "ORIGIN": ("float", "0 0 0"), "DELTA": ("float", "1 1 1")},
        **{"IJK_TO_DICOM_REAL": ("float", "1 0 0 0 0 1 0 0 0 0 1 0"), "BYTEORDER_STRING": ("string", "LSB_FIRST")},
        **{name: ("float" if name == "BRICK_STATAUX" else "string", text) for name, text in attributes.items()},
    }
    parts = []
    for name, (kind, text) in written.items():
        count, value = (len(text) + 1, f"'{text}~") if kind == "string" else (len(text.split()), text)
        parts.append(f"type = {kind}-attribute\nname = {name}\ncount = {count}\n{value}")
    path.with_name(f"{path.name}.BRIK").write_bytes(values.tobytes(order="F"))
    header = path.with_name(f"{path.name}.HEAD")
    header.write_text("\n\n".join(parts))
    return header


def afni_image(data: npt.ArrayLike, **attributes: str) -> nib.Nifti1Image:
    """An image with AFNI's extension, with attributes such as BRICK_STATAUX, the texts among them in quotes."""
    made: Any = image(data)
    elements = []
    for name, text in attributes.items():
        kind, value = ("float", text) if name == "BRICK_STATAUX" else ("String", f'"{text}"')
        start = f'<AFNI_atr\n  ni_type="{kind}"\n  ni_dimen="1"\n  atr_name="{name}" >\n'
        elements.append(f"{start} {value}\n</AFNI_atr>\n")
    head = '<?xml version=\'1.0\' ?>\n<AFNI_attributes\n  self_idcode="AFN_x"\n  ni_form="ni_group" >\n'
    content = f"{head}{''.join(elements)}</AFNI_attributes>\n"
    made.header.extensions.append(nib.nifti1.Nifti1Extension(4, content.encode()))
    return made
