"""Commands: arguments to settings, errors to exit codes. Nothing imports from here."""
