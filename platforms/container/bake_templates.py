"""Download brain masks, meshes and atlases of TemplateFlow into an image.

usage: bake_templates.py FOLDER [TEMPLATE[:ATLAS...] ...]

Without a network it prints a message and downloads nothing: the image works without templates.
"""

import os
import sys

_MESHES = ("midthickness", "pial", "inflated")  # of surfaces: for statistics, and for pictures


def bake(template: str, atlases: list[str]) -> int:
    """Download the brain masks and meshes of a template and its atlases; return the number of files."""
    from templateflow import api

    found = [api.get(template, desc="brain", suffix="mask", extension=".nii.gz")]
    found += [api.get(template, suffix=suffix, extension=".surf.gii") for suffix in _MESHES]
    found += [api.get(template, desc="nomedialwall", suffix="dparc")]
    found += [api.get(template, atlas=atlas, suffix="dseg") for atlas in atlases]
    return sum(len(each) if isinstance(each, list) else 1 for each in found)


def main() -> None:
    """Download the templates and atlases of the command line."""
    folder, *words = sys.argv[1:]
    os.environ["TEMPLATEFLOW_HOME"] = folder
    for word in words:
        template, *atlases = word.split(":")
        try:
            sys.stdout.write(f"{word}: {bake(template, atlases)} files\n")
        except Exception as error:  # any error of the network
            sys.stdout.write(f"{word}: not in the image, {type(error).__name__}: {error}\n")


if __name__ == "__main__":
    main()
