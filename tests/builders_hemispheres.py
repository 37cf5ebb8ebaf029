"""Empty files of surfaces, one for each hemisphere: enough for all that looks only at names."""

from pathlib import Path
from typing import Any

from builders import touch_maps


def touch_surfaces(root: Path, *subjects: str, hemi: str = "LR", **names: Any) -> dict[str, list[Path]]:
    """Make the files of some hemispheres of subjects; return them by hemisphere. `names` are those of `map_path`."""
    names = {"space": "fsaverage", "den": "10k", "extension": ".func.gii", **names}
    return {side: touch_maps(root, *subjects, hemi=side, **names) for side in hemi}
