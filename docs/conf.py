"""Settings of Sphinx for these pages. Nothing is fetched, neither when they are built nor when they are read."""

import sys
from pathlib import Path

from bids_ari import __version__

sys.path.insert(0, str(Path(__file__).parent))

project = "bids_ari"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "made_from_code", "mathml"]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

default_role = "code"  # text in single backticks in docstrings
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings describe the types in words
napoleon_google_docstring = False
napoleon_use_ivar = True
smartquotes = False  # flags and messages must be copied verbatim
suppress_warnings = ["ref.python"]  # a shape such as (n_points,) in a docstring is no reference
html_math_renderer = "mathml"

html_theme = "furo"
html_title = f"bids_ari {__version__}"
html_static_path = ["static"]
html_css_files = ["pages.css"]
html_show_sphinx = html_show_copyright = html_copy_source = False
