"""Compiled templates, kept in files: compiling those of a report takes half a second."""

from contextlib import suppress
from pathlib import Path
from zlib import crc32

from jinja2.bccache import Bucket, FileSystemBytecodeCache

from bids_ari._version import __version__


class CompiledTemplates(FileSystemBytecodeCache):
    """Compiled templates in a folder that several processes may use.

    A file names the version of this package and how templates are compiled, and holds the hash of the source and the
    versions of Python and of the code that jinja2 makes. One that is of another source or version, or damaged, is
    replaced. No failure is an error.
    """

    def __init__(self, folder: Path, compiled_by: bytes = b"") -> None:
        super().__init__(str(folder), f"template-{__version__}-{crc32(compiled_by):08x}-%s.cache")
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)

    def load_bytecode(self, bucket: Bucket) -> None:
        """Read the code of a template if there is any."""
        with suppress(OSError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Write the code of a template to a temporary file, which then gets its name."""
        with suppress(OSError):
            super().dump_bytecode(bucket)
