"""Design matrices of group models and their tests, from a table of subjects and a formula or a BIDS Stats Model.

`design.make_design` is the entry point. `stats_model.read_model` reads a model file, and `model_inputs.select_maps`
selects its maps.
"""

from typing import Literal

Missing = Literal["drop", "error"]  # treatment of subjects without a value in participants.tsv
Variance = Literal["equal", "unequal"]  # residual variance of groups
