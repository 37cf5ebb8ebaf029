"""Settings of Sphinx for these pages. Nothing is fetched, neither when they are built nor when they are read."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
for name in ("NILEARN_DATA", "TEMPLATEFLOW_HOME", "MPLCONFIGDIR"):  # before a library looks into the home folder
    os.environ[name] = str(HERE / "auto" / "cache" / name.lower())
sys.path.insert(0, str(HERE))

from gallery_build import CONFIG as sphinx_gallery_conf  # noqa: E402, F401

from bids_ari import __version__  # noqa: E402

project = "bids_ari"
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_gallery.gen_gallery",
    "gallery_build",
    "made_from_code",
    "mathml",
]
exclude_patterns = ["gallery", "auto/scripts", "auto/cache", "auto/gallery/pages"]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

default_role = "code"  # text in single backticks in docstrings
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings describe the types in words
napoleon_google_docstring = False
napoleon_use_ivar = True
smartquotes = False  # flags and messages must be copied verbatim
nitpicky = True
nitpick_ignore_regex = [("py:class", ".*")]  # types in docstrings are words, such as "sequence of str"
# sphinx-build -b linkcheck docs build/links, with a network, asks whether addresses of other sites exist.
linkcheck_ignore = [
    r"https://doi\.org/",  # publishers refuse programs
    r"https://github\.com/bids-ari/",  # pages of this repository, which others may not see yet
]
linkcheck_anchors_ignore_for_url = [r"https://github\.com/"]  # made by a script
linkcheck_timeout, linkcheck_retries = 20, 2
suppress_warnings = ["ref.python"]  # a shape such as (n_points,) in a docstring is no reference
html_math_renderer = "mathml"

html_theme = "furo"
html_title = f"bids_ari {__version__}"
html_static_path = ["static"]
html_css_files = ["pages.css"]
html_show_sphinx = html_show_copyright = html_copy_source = False
