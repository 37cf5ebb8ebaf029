"""The publications that a methods paragraph may cite."""

from dataclasses import dataclass


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
        pages = f": {self.pages.replace('--', '–')}" if self.pages else ""
        return f"{author} ({self.year}). {self.title}. {self.journal} {self.volume}{pages}."

    def bibtex(self, key: str) -> str:
        """Give the entry of a BibTeX file."""
        fields = {name: value for name in self.__slots__ if name != "short" and (value := getattr(self, name))}
        fields["title"] = f"{{{self.title}}}"  # inner braces keep capitals
        lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
        return f"@article{{{key},\n{lines}}}\n"


REFERENCES = {
    "welch1947": Reference(
        "Welch, 1947",
        "Welch, B. L.",
        "1947",
        "The generalization of 'Student's' problem when several different population variances are involved",
        "Biometrika",
        "34",
        "28--35",
        "10.1093/biomet/34.1-2.28",
    ),
    "dersimonian1986": Reference(
        "DerSimonian & Laird, 1986",
        "DerSimonian, R. and Laird, N.",
        "1986",
        "Meta-analysis in clinical trials",
        "Controlled Clinical Trials",
        "7",
        "177--188",
        "10.1016/0197-2456(86)90046-2",
    ),
    "knapp2003": Reference(
        "Knapp & Hartung, 2003",
        "Knapp, G. and Hartung, J.",
        "2003",
        "Improved tests for a random effects meta-regression with a single covariate",
        "Statistics in Medicine",
        "22",
        "2693--2710",
        "10.1002/sim.1482",
    ),
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
    "chen2023": Reference(
        "Chen et al., 2023",
        "Chen, X. and Goeman, J. J. and Krebs, T. J. P. and Meijer, R. J. and Weeda, W. D.",
        "2023",
        "Adaptive cluster thresholding with spatial activation guarantees using All-resolutions Inference",
        "arXiv",
        "2206.13587",
        "",
        "10.48550/arXiv.2206.13587",
    ),
    "hommel1988": Reference(
        "Hommel, 1988",
        "Hommel, G.",
        "1988",
        "A stagewise rejective multiple test procedure based on a modified Bonferroni test",
        "Biometrika",
        "75",
        "383--386",
        "10.1093/biomet/75.2.383",
    ),
    "blanchard2020": Reference(
        "Blanchard et al., 2020",
        "Blanchard, G. and Neuvial, P. and Roquain, E.",
        "2020",
        "Post hoc confidence bounds on false positives using reference families",
        "Annals of Statistics",
        "48",
        "1281--1303",
        "10.1214/19-AOS1847",
    ),
    "hemerik2018": Reference(
        "Hemerik & Goeman, 2018",
        "Hemerik, J. and Goeman, J. J.",
        "2018",
        "Exact testing with random permutations",
        "TEST",
        "27",
        "811--825",
        "10.1007/s11749-017-0571-1",
    ),
    "andreella2023": Reference(
        "Andreella et al., 2023",
        "Andreella, A. and Hemerik, J. and Finos, L. and Weeda, W. and Goeman, J.",
        "2023",
        "Permutation-based true discovery proportions for functional magnetic resonance imaging cluster analysis",
        "Statistics in Medicine",
        "42",
        "2311--2340",
        "10.1002/sim.9725",
    ),
    "blain2022": Reference(
        "Blain et al., 2022",
        "Blain, A. and Thirion, B. and Neuvial, P.",
        "2022",
        "Notip: Non-parametric true discovery proportion control for brain imaging",
        "NeuroImage",
        "260",
        "119492",
        "10.1016/j.neuroimage.2022.119492",
    ),
    "freedman1983": Reference(
        "Freedman & Lane, 1983",
        "Freedman, D. and Lane, D.",
        "1983",
        "A nonstochastic interpretation of reported significance levels",
        "Journal of Business and Economic Statistics",
        "1",
        "292--298",
        "10.1080/07350015.1983.10509354",
    ),
    "winkler2014": Reference(
        "Winkler et al., 2014",
        "Winkler, A. M. and Ridgway, G. R. and Webster, M. A. and Smith, S. M. and Nichols, T. E.",
        "2014",
        "Permutation inference for the general linear model",
        "NeuroImage",
        "92",
        "381--397",
        "10.1016/j.neuroimage.2014.01.060",
    ),
    "theil1965": Reference(
        "Theil, 1965",
        "Theil, H.",
        "1965",
        "The analysis of disturbances in regression analysis",
        "Journal of the American Statistical Association",
        "60",
        "1067--1079",
        "10.1080/01621459.1965.10480851",
    ),
    "winkler2020": Reference(
        "Winkler et al., 2020",
        "Winkler, A. M. and Renaud, O. and Smith, S. M. and Nichols, T. E.",
        "2020",
        "Permutation inference for canonical correlation analysis",
        "NeuroImage",
        "220",
        "117065",
        "10.1016/j.neuroimage.2020.117065",
    ),
    "schaefer2018": Reference(
        "Schaefer et al., 2018",
        "Schaefer, A. and Kong, R. and Gordon, E. M. and Laumann, T. O. and Zuo, X.-N. and Holmes, A. J. and "
        "Eickhoff, S. B. and Yeo, B. T. T.",
        "2018",
        "Local-global parcellation of the human cerebral cortex from intrinsic functional connectivity MRI",
        "Cerebral Cortex",
        "28",
        "3095--3114",
        "10.1093/cercor/bhx179",
    ),
    "templateflow": Reference(
        "Ciric et al., 2022",
        "Ciric, R. and Thompson, W. H. and Lorenz, R. and Goncalves, M. and others",
        "2022",
        "TemplateFlow: FAIR-sharing of multi-scale, multi-species brain models",
        "Nature Methods",
        "19",
        "1568--1571",
        "10.1038/s41592-022-01681-2",
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
"""Everything that may be cited, by key."""
