"""BIDS names, folders, sidecars and tables; no image value is read here."""
