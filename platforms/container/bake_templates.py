"""Put templates and atlases of TemplateFlow into an image: brain masks, and the atlases named.

usage: bake_templates.py FOLDER [TEMPLATE[:ATLAS...] ...]

Without a network nothing is put there, with a word about it: the image works without templates.
"""

import os
import sys


def bake(template: str, atlases: list[str]) -> int:
    """Fetch the masks of a template and the images and tables of atlases; give how many files there are."""
    from templateflow import api

    found = [api.get(template, desc="brain", suffix="mask", extension=".nii.gz")]
    found += [api.get(template, atlas=atlas, suffix="dseg") for atlas in atlases]
    return sum(len(each) if isinstance(each, list) else 1 for each in found)


def main() -> None:
    """Fetch what the words name."""
    folder, *words = sys.argv[1:]
    os.environ["TEMPLATEFLOW_HOME"] = folder
    for word in words:
        template, *atlases = word.split(":")
        try:
            sys.stdout.write(f"{word}: {bake(template, atlases)} files\n")
        except Exception as error:  # whatever a network can do
            sys.stdout.write(f"{word}: not put into the image, {type(error).__name__}: {error}\n")


if __name__ == "__main__":
    main()
