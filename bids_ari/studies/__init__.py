"""Many studies: one group analysis each, by a process of its own, and a table over all of them."""
