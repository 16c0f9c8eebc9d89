"""Every reason has its status, its place in the contract and words for callers."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from meimage.v1 import error_reason_pb2

from service.domain import errors
from service.domain.errors import MAX_VIOLATIONS, FieldViolation, InvalidFields, MeImageError
from service.rpc.errors import STATUS

CONTRACT = Path(__file__).parents[2] / "protos/meimage/v1/error_reason.proto"
PREFIX = "ERROR_REASON_"
NAMES = [value.name for value in error_reason_pb2.ErrorReason.DESCRIPTOR.values]


def subclasses_of(parent: type[MeImageError]) -> Iterator[type[MeImageError]]:
    for child in parent.__subclasses__():
        yield child
        yield from subclasses_of(child)


REASONS = sorted(set(subclasses_of(MeImageError)), key=lambda each: each.__name__)
every_reason = pytest.mark.parametrize("refused", REASONS, ids=lambda refused: refused.__name__)


@every_reason
def test_a_reason_has_a_status(refused: type[MeImageError]) -> None:
    assert refused in STATUS


@every_reason
def test_a_reason_is_in_the_contract(refused: type[MeImageError]) -> None:
    assert PREFIX + refused.reason in NAMES


@every_reason
def test_a_reason_has_a_sentence_for_callers(refused: type[MeImageError]) -> None:
    assert re.fullmatch(r"[A-Z].{20,}\.", refused.public_message())


def test_every_reason_of_the_contract_is_one_of_the_code() -> None:
    unspecified, *named = NAMES
    assert unspecified == f"{PREFIX}UNSPECIFIED"
    assert sorted(named) == sorted(PREFIX + refused.reason for refused in REASONS)


def test_the_contract_names_the_same_status() -> None:
    by_reason = re.findall(r"// ([A-Z_]+): [^\n]*\n\s*ERROR_REASON_(\w+) = ", CONTRACT.read_text())
    assert {reason: status for status, reason in by_reason} == {each.reason: STATUS[each].name for each in REASONS}


def test_no_reason_has_two_classes() -> None:
    assert len({each.reason for each in REASONS}) == len(REASONS)
    assert all(each.__module__ == errors.__name__ for each in REASONS)


def test_so_many_violations_fit_into_a_trailer() -> None:
    refused = InvalidFields([FieldViolation(f"field[{number}]", "must be better") for number in range(100)])
    assert len(refused.violations) == MAX_VIOLATIONS == 20
