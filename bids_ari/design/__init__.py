"""Design matrices of group models and their tests, from a table of subjects and a formula or a BIDS Stats Model."""
