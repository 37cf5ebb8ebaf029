"""Render the recipe for conda-forge with the checksum of an sdist, and print what it needs."""

import runpy
import sys
from pathlib import Path

from rattler_build import Stage0Recipe

if __name__ == "__main__":
    release = runpy.run_path("platforms/conda/release.py")
    filled = release["recipe"](release["RECIPE"].read_text(), Path(sys.argv[1]))
    (variant,) = Stage0Recipe.from_yaml(filled).render()
    needs = variant.recipe.to_dict()["requirements"]["run"]
    sys.stdout.write(f"recipe for conda-forge: {len(needs)} requirements, {', '.join(needs)}\n")
