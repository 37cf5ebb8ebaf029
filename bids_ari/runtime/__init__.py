"""The machine: parallel work, memory, cache folders, signals, provenance."""
