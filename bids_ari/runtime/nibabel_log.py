"""The log of nibabel, which writes each field of a header that it repairs to stderr, without the name of the file."""

import logging


def silence_nibabel(is_silent: bool = True) -> None:
    """Let nibabel not write what it repairs, also if it is imported later, or let it write again."""
    logging.getLogger("nibabel.global").setLevel(logging.CRITICAL + 1 if is_silent else logging.NOTSET)
