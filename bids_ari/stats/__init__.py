"""Statistics on plain arrays: group models, closed testing, permutation, cluster forests."""
