"""Statistics on plain arrays: group models, closed testing, permutation, cluster forests.

May import numpy, scipy and numba, and nothing else of this package.
"""
