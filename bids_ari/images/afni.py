"""Attributes of AFNI datasets: in an extension of NIfTI files, as XML, or in the header of AFNI's own format."""

import re
from collections.abc import Mapping
from typing import Any

CODE = 4  # of AFNI's extension of the NIfTI header

_NAME = re.compile(r"""atr_name\s*=\s*["']([A-Z0-9_]+)["']""")
_STATISTICS = re.compile(r"^(?P<code>\w+?)(?:test)?\((?P<parameters>[^)]*)\)$")
_BY_SYMBOL = {"Correl": 2, "T": 3, "F": 4, "Z": 5, "Zscore": 5, "Chisq": 6}


def attributes_in(extensions: bytes) -> dict[str, str]:
    """Return AFNI's attributes by name, from the bytes between a NIfTI header and its values.

    The first of four bytes is not 0 where extensions follow; each has its size, its code and its content.
    """
    found: dict[str, str] = {}
    order, start = "little", 4
    while extensions[:1] > b"\0" and start + 8 <= len(extensions):
        size = int.from_bytes(extensions[start : start + 4], order)  # type: ignore[arg-type]
        if start == 4 and not 8 <= size <= len(extensions) - start:
            order = "big"
            size = int.from_bytes(extensions[start : start + 4], "big")
        if not 8 <= size <= len(extensions) - start:
            break
        code = int.from_bytes(extensions[start + 4 : start + 8], order)  # type: ignore[arg-type]
        if code == CODE:
            found |= _parse(extensions[start + 8 : start + size])
        start += size
    return found


def attributes_of(header: Any) -> dict[str, str]:
    """Return AFNI's attributes by name, from the header of an image of nibabel; none of other formats."""
    if isinstance(info := getattr(header, "info", None), Mapping):
        lists = (list, tuple)
        return {
            key: " ".join(map(str, value)) if isinstance(value, lists) else str(value) for key, value in info.items()
        }
    found: dict[str, str] = {}
    for extension in getattr(header, "extensions", ()):
        if extension.get_code() == CODE:
            content = extension.get_content()
            found |= _parse(content if isinstance(content, bytes) else str(content).encode())
    return found


def statistic_of(attributes: Mapping[str, str]) -> tuple[int, tuple[float, ...]]:
    """Return the NIfTI intent code and the parameters of the statistic of the first volume; 0 where it is none.

    BRICK_STATAUX has for each statistic the number of its volume, the code, the number of parameters, and these.
    BRICK_STATSYM has a symbol for each volume, such as ``Ttest(19)`` or ``none``.
    """
    try:
        numbers = [float(number) for number in attributes.get("BRICK_STATAUX", "").split()]
        while len(numbers) >= 3:
            volume, code, n_parameters = (int(number) for number in numbers[:3])
            if volume == 0:
                return code, tuple(numbers[3 : 3 + n_parameters])
            numbers = numbers[3 + max(n_parameters, 0) :]
        symbol = _STATISTICS.match(attributes.get("BRICK_STATSYM", "").split(";")[0].strip())
        if symbol and symbol["code"] in _BY_SYMBOL:
            return _BY_SYMBOL[symbol["code"]], tuple(map(float, re.findall(r"[^\s,]+", symbol["parameters"])))
    except (ValueError, OverflowError):  # damaged
        pass
    return 0, ()


def _parse(content: bytes) -> dict[str, str]:
    """Return the attributes in the XML of the extension, without the quotes of texts."""
    text = content.decode("utf-8", errors="replace")
    found = {}
    for element in text.split("</AFNI_atr>")[:-1]:
        head, _, value = element.rpartition("<AFNI_atr")[2].partition(">")
        if name := _NAME.search(head):
            found[name[1]] = re.sub(r'"\s*"', "", value.strip()).strip('" \n')
    return found
