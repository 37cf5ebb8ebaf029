"""The methods paragraph and its citations, from the settings that were really used."""

import math
import re
from dataclasses import dataclass
from importlib.metadata import version

from bids_ari._version import __version__
from bids_ari.report.render import above, any_of, mask_name, percent, plural, thousands
from bids_ari.results import ContrastResult

SOFTWARE = ("numpy", "scipy", "nibabel", "nilearn", "pybids")
"""Packages whose versions are told."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A publication.

    Attributes
    ----------
    short : str
        How the text names it.
    author : str
        Family names and initials, joined by ``and`` as in BibTeX.
    year, title, journal, volume, pages, doi : str
        Where it is found.
    """

    short: str
    author: str
    year: str
    title: str
    journal: str
    volume: str
    pages: str
    doi: str

    @property
    def text(self) -> str:
        """The entry in a list of references, without its doi."""
        author = self.author.replace(" and others", " et al.").replace(" and ", ", ")
        pages = self.pages.replace("--", "–")
        return f"{author} ({self.year}). {self.title}. {self.journal} {self.volume}: {pages}."

    def bibtex(self, key: str) -> str:
        """Give the entry of a BibTeX file."""
        fields = {name: getattr(self, name) for name in self.__slots__ if name != "short"}
        fields["title"] = f"{{{self.title}}}"  # inner braces keep capitals
        lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
        return f"@article{{{key},\n{lines}}}\n"


REFERENCES = {
    "rosenblatt2018": Reference(
        "Rosenblatt et al., 2018",
        "Rosenblatt, J. D. and Finos, L. and Weeda, W. D. and Solari, A. and Goeman, J. J.",
        "2018",
        "All-Resolutions Inference for brain imaging",
        "NeuroImage",
        "181",
        "786--796",
        "10.1016/j.neuroimage.2018.07.060",
    ),
    "goeman2011": Reference(
        "Goeman & Solari, 2011",
        "Goeman, J. J. and Solari, A.",
        "2011",
        "Multiple testing for exploratory research",
        "Statistical Science",
        "26",
        "584--597",
        "10.1214/11-STS356",
    ),
    "goeman2019": Reference(
        "Goeman et al., 2019",
        "Goeman, J. J. and Meijer, R. J. and Krebs, T. J. P. and Solari, A.",
        "2019",
        "Simultaneous control of all false discovery proportions in large-scale multiple hypothesis testing",
        "Biometrika",
        "106",
        "841--856",
        "10.1093/biomet/asz041",
    ),
    "meijer2019": Reference(
        "Meijer et al., 2019",
        "Meijer, R. J. and Krebs, T. J. P. and Goeman, J. J.",
        "2019",
        "Hommel's procedure in linear time",
        "Biometrical Journal",
        "61",
        "73--82",
        "10.1002/bimj.201700316",
    ),
    "simes1986": Reference(
        "Simes, 1986",
        "Simes, R. J.",
        "1986",
        "An improved Bonferroni procedure for multiple tests of significance",
        "Biometrika",
        "73",
        "751--754",
        "10.1093/biomet/73.3.751",
    ),
    "hommel1983": Reference(
        "Hommel, 1983",
        "Hommel, G.",
        "1983",
        "Tests of the overall hypothesis for arbitrary dependence structures",
        "Biometrical Journal",
        "25",
        "423--430",
        "10.1002/bimj.19830250502",
    ),
    "nilearn": Reference(
        "Abraham et al., 2014",
        "Abraham, A. and Pedregosa, F. and Eickenberg, M. and Gervais, P. and Mueller, A. and Kossaifi, J. and "
        "Gramfort, A. and Thirion, B. and Varoquaux, G.",
        "2014",
        "Machine learning for neuroimaging with scikit-learn",
        "Frontiers in Neuroinformatics",
        "8",
        "14",
        "10.3389/fninf.2014.00014",
    ),
    "pybids": Reference(
        "Yarkoni et al., 2019",
        "Yarkoni, T. and Markiewicz, C. J. and de la Vega, A. and others",
        "2019",
        "PyBIDS: Python tools for BIDS datasets",
        "Journal of Open Source Software",
        "4",
        "1294",
        "10.21105/joss.01294",
    ),
    "numpy": Reference(
        "Harris et al., 2020",
        "Harris, C. R. and Millman, K. J. and van der Walt, S. J. and others",
        "2020",
        "Array programming with NumPy",
        "Nature",
        "585",
        "357--362",
        "10.1038/s41586-020-2649-2",
    ),
    "scipy": Reference(
        "Virtanen et al., 2020",
        "Virtanen, P. and Gommers, R. and Oliphant, T. E. and others",
        "2020",
        "SciPy 1.0: fundamental algorithms for scientific computing in Python",
        "Nature Methods",
        "17",
        "261--272",
        "10.1038/s41592-019-0686-2",
    ),
}
"""Everything that may be cited; ``@key`` cites it in the sentences below."""

_CITATION = re.compile("@(" + "|".join(REFERENCES) + r")\b")

_LOCAL_TESTS = {
    "simes": "Simes local tests (@simes1986), computed by a shortcut (@meijer2019; @goeman2019)",
    "hommel": "Hommel local tests (@hommel1983), computed by a shortcut (@meijer2019; @goeman2019)",
}
_ASSUMPTIONS = {
    "simes": "They are valid when the p-values of the voxels that are not active satisfy the Simes inequality, for "
    "which positive regression dependence is enough.",
    "hommel": "They are valid under any dependence between voxels.",
}
_NEIGHBOURS = {6: "a face", 18: "a face or an edge", 26: "a face, an edge or a corner"}
_ALTERNATIVES = {
    "greater": "one-sided, effect above zero",
    "less": "one-sided, effect below zero",
    "two-sided": "two-sided",
}


@dataclass(frozen=True, slots=True)
class Methods:
    """What a paper would say.

    Attributes
    ----------
    paragraph : str
        The text, with citations by author and year.
    references : tuple of Reference
        What it cites, in that order.
    bibtex : str
        The same for a reference manager.
    """

    paragraph: str
    references: tuple[Reference, ...]
    bibtex: str


def describe(result: ContrastResult) -> Methods:
    """Write the methods of a result.

    Parameters
    ----------
    result : ContrastResult
        What was done.

    Returns
    -------
    Methods
    """
    text = " ".join((*_input_sentences(result), *_model_sentences(result), *_inference_sentences(result)))
    keys = tuple(dict.fromkeys(_CITATION.findall(text)))
    paragraph = _CITATION.sub(lambda match: REFERENCES[match[1]].short, text)
    return Methods(
        paragraph,
        tuple(REFERENCES[key] for key in keys),
        "\n".join(REFERENCES[key].bibtex(key) for key in keys),
    )


def versions() -> dict[str, str]:
    """Give the versions of the software that was used, by package."""
    return {"bids_ari": __version__} | {name: version(name) for name in SOFTWARE}


def _input_sentences(result: ContrastResult) -> tuple[str, ...]:
    """Tell which maps entered, and where they were tested."""
    options, contrast, used = result.options, result.contrast, versions()
    smoothed = (
        f"Each map was smoothed by a Gaussian of {options.smoothing:g} mm full width at half maximum with nilearn "
        f"{used['nilearn']} (@nilearn)."
        if options.smoothing
        else "The maps were not smoothed any further."
    )
    inside = f" inside the mask {mask_name(options)}" if options.mask else ""
    who = "all subjects" if options.coverage == 1 else f"at least {percent(options.coverage)} of the subjects"
    constant = (
        f" ({plural(result.n_constant, 'voxel')} without variation between subjects left out)"
        if result.n_constant
        else ""
    )
    return (
        f"First-level {contrast.stat} maps of {plural(len(contrast.members), 'subject')} ({contrast.name}) were found "
        f"with pybids {used['pybids']} (@pybids) and analysed with bids_ari {__version__}.",
        smoothed,
        f"The {thousands(result.mask.n_voxels)} voxels{inside} at which {who} had data were tested{constant}.",
    )


def _model_sentences(result: ContrastResult) -> tuple[str, ...]:
    """Tell the group model."""
    used, fewer = versions(), "up to " if result.options.coverage < 1 else ""
    dof = (
        f"The test had {fewer}{result.dof:g} degrees of freedom; each t was turned into the z of the same tail "
        "probability."
    )
    return (
        model_sentence(result),
        *([dof] if math.isfinite(result.dof) else []),
        f"Computations used numpy {used['numpy']} (@numpy) and scipy {used['scipy']} (@scipy).",
    )


def model_sentence(result: ContrastResult) -> str:
    """Tell the design and the test in one sentence."""
    side = _ALTERNATIVES[result.alternative]
    if result.design is None:
        return f"The statistics were taken as they are from the map, without a group model (test: {side})."
    if result.design.columns == ("intercept",):
        return (
            "At each voxel, the mean effect over subjects was estimated by ordinary least squares and compared with "
            f"zero by a one-sample t test ({side})."
        )
    weights = zip(result.design.columns, result.design.tests[result.test], strict=True)
    combination = " ".join(f"{weight:+g} {column}" for column, weight in weights if weight)
    return (
        f"At each voxel, a linear model with the columns {', '.join(result.design.columns)} was fitted by ordinary "
        f"least squares, and the combination {combination} ({result.test}) compared with zero by a t test ({side})."
    )


def _inference_sentences(result: ContrastResult) -> tuple[str, ...]:
    """Tell the bounds and the clusters."""
    options = result.options
    thresholds = any_of(above(threshold, result.alternative) for threshold in options.thresholds)
    signs = ""
    if result.alternative == "two-sided":
        signs = "; a cluster may hold both signs" if options.join_signs else "; voxels of a cluster share their sign"
    return (
        "All-Resolutions Inference (@rosenblatt2018) gave, for sets of voxels, lower bounds on the number (TDN) and "
        "the proportion (TDP) of truly active voxels.",
        f"The bounds stem from closed testing (@goeman2011) with {_LOCAL_TESTS[options.method]}, at alpha = "
        f"{options.alpha:g}: with a confidence of {percent(1 - options.alpha)} they hold for all sets of voxels at "
        "once, so that sets may be chosen after seeing the data.",
        _ASSUMPTIONS[options.method],
        f"Clusters are connected components of voxels with {thresholds} (connectivity {options.connectivity}: "
        f"neighbours share {_NEIGHBOURS[options.connectivity]}{signs}).",
    )
