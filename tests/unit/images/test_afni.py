"""Attributes of AFNI datasets."""

import struct

import pytest

from bids_ari.images.afni import CODE, attributes_in, statistic_of

XML = b"""<AFNI_atr ni_type="String" atr_name="BRICK_LABS" >
 "a~b"
</AFNI_atr>
<AFNI_atr atr_name='HISTORY_NOTE'>"x"
 "y"</AFNI_atr>"""


def extension(content: bytes, code: int = CODE, order: str = "<") -> bytes:
    return struct.pack(f"{order}2i", 8 + len(content), code) + content


class TestAttributes:
    @pytest.mark.parametrize("order", ["<", ">"])
    def test_of_either_byte_order_after_other_extensions(self, order: str) -> None:
        found = attributes_in(b"\1\0\0\0" + extension(b"comment!", 6, order) + extension(XML, order=order))
        assert found == {"BRICK_LABS": "a~b", "HISTORY_NOTE": "xy"}

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\0\0\0\0" + extension(XML),  # the header says that there are none
            b"\1\0\0\0" + extension(XML)[:-20],  # longer than the file
            b"\1\0\0\0" + struct.pack("<2i", 4, CODE) + XML,  # shorter than its own head
            b"\1\0\0\0" + struct.pack("<2i", -8, CODE) + XML,
            b"\1\0\0\0" + extension(b"\xff\xfe<AFNI_atr atr_name=x"),
            b"\1\0\0\0" + extension(b"</AFNI_atr>" * 5),
        ],
    )
    def test_of_what_cannot_be_read_there_are_none(self, content: bytes) -> None:
        assert attributes_in(content) == {}


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, (0, ())),
        ({"BRICK_STATAUX": "0 3 1 19 1 4 2 2 19"}, (3, (19.0,))),
        ({"BRICK_STATAUX": "1 3 1 19 0 4 2 2 19"}, (4, (2.0, 19.0))),
        ({"BRICK_STATAUX": "1 3 -5 19"}, (0, ())),
        ({"BRICK_STATAUX": "nan 3 1 19"}, (0, ())),
        ({"BRICK_STATSYM": "none;Ttest(19)"}, (0, ())),
        ({"BRICK_STATSYM": "Ftest(2,19)"}, (4, (2.0, 19.0))),
        ({"BRICK_STATSYM": "Ttest(many)"}, (0, ())),
        ({"BRICK_STATSYM": "Gamma(1,2)"}, (0, ())),
    ],
)
def test_the_statistic_of_the_first_volume(attributes: dict[str, str], expected: tuple[int, tuple[float, ...]]) -> None:
    assert statistic_of(attributes) == expected
