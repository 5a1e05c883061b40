import pytest
from tests.metadata.files import iim

from falseflaw.metadata.parts.iim import MAX_RECORDS, PROGRAM, Iim, parse_iim


def parse(data: bytes) -> tuple[Iim, list[str]]:
    told: list[str] = []
    return parse_iim(data, told.append), told


@pytest.mark.parametrize(
    "data",
    [
        iim((2, 65, "Tool é".encode())),
        iim((1, 90, b"\x1b%G"), (2, 65, "Tool é".encode())),
        iim((2, 65, "Tool é".encode("latin-1"))),
        iim((2, 65, "Tool é".encode())) + bytes(3),
        b"\x1c\x02\x41\x80\x04\0\0\0\x07" + "Tool é".encode(),
    ],
)
def test_records_are_read_in_either_encoding_and_length(data: bytes) -> None:
    records, told = parse(data)
    assert told == []
    assert records.values(PROGRAM) == ["Tool é"]


@pytest.mark.parametrize(
    ("rest", "reason"),
    [
        (b"\x1c\x02", "truncated"),
        (b"\x1c\x02\x41\x00\x09abc", "truncated"),
        (b"\x1c\x02\x41\xff\xff", "truncated"),
        (b"\x1c\x02\x41\x80\x20" + b"\xff" * 32, "truncated"),
        (b"rest", "damaged"),
        (iim((2, 40, bytes(30_000))) * 4, ""),
        (b"\x1c\x02\x28\x80\x04\0\x02\0\0" + bytes(0x20000), "too_large"),
        (iim((2, 40, b"")) * MAX_RECORDS, "too_many"),
    ],
)
def test_damage_is_told_and_what_stands_before_it_counts(rest: bytes, reason: str) -> None:
    records, told = parse(iim((2, 65, b"Tool")) + rest)
    assert told == ([reason] if reason else [])
    assert records.values(PROGRAM) == ["Tool"]
