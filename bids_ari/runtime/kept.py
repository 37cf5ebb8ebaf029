"""Files that take long to make, kept with compiled code: by the first run, or in the image of a container."""

import hashlib
import secrets
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from bids_ari._version import __version__
from bids_ari.runtime.caches import compiled_folder

_DIGEST = hashlib.sha256().digest_size


def kept(name: str, package: str, source: Path, make: Callable[[], bytes]) -> bytes:
    """Return what `make` returns, from a file if an earlier call could keep it.

    Parameters
    ----------
    name : str
        The name of the file, before a digest of the source and the versions of this package and of `package`.
    package : str
        The library that `make` uses.
    source : Path
        The module of `make`: when it changes, the file is made again.
    make : callable
        Returns the content.
    """
    folder = compiled_folder(source.parent)
    if folder is None:
        return make()
    code = hashlib.sha256(source.read_bytes()).hexdigest()[:8]
    file = folder / f"{name}-{code}-{__version__}-{version(package)}"
    with suppress(OSError):
        digest, content = (whole := file.read_bytes())[:_DIGEST], whole[_DIGEST:]
        if digest == hashlib.sha256(content).digest():
            return content
    content = make()
    with suppress(OSError):  # another process may write it at the same time
        folder.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
        part.write_bytes(hashlib.sha256(content).digest() + content)
        part.replace(file)
    return content
