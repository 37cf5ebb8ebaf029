"""Every option of a run: its name, type, default, rule and help, and the files that hold options."""
