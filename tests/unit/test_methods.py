"""The table of scopes and the contract name the same methods."""

import re
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor, MethodDescriptor
from meimage.v1 import admin_service_pb2, error_reason_pb2, me_image_service_pb2, reference_service_pb2

from service.rpc.methods import (
    ADMIN_SERVICE,
    FOR_EVERYBODY,
    FOR_NOBODY,
    ME_IMAGE_SERVICE,
    REFERENCE_SERVICE,
    SCOPES,
    has_one_scope,
    is_open,
)

FILES = (me_image_service_pb2.DESCRIPTOR, reference_service_pb2.DESCRIPTOR, admin_service_pb2.DESCRIPTOR)
SERVICES = [service for file in FILES for service in file.services_by_name.values()]
METHODS = {f"/{service.full_name}/{method.name}": method for service in SERVICES for method in service.methods}
PROTOS = Path(__file__).parents[2] / "protos"
CONTRACT = "".join((PROTOS / file.name).read_text() for file in FILES)
REASONS = [value.name for value in error_reason_pb2.ErrorReason.DESCRIPTOR.values]
COMMON = {"UNAUTHENTICATED", "PERMISSION_DENIED", "INVALID_FIELDS", "TOO_SLOW", "OVERLOADED", "RATE_LIMITED"}
every_method = pytest.mark.parametrize("name", METHODS, ids=lambda name: name.rpartition("/")[2])


def comment_of(method: MethodDescriptor) -> str:
    found = re.search(rf"((?:^  //.*\n)+)  rpc {method.name}\(", CONTRACT, re.MULTILINE)
    assert found
    return found[1]


def names_a_user(message: Descriptor) -> bool:
    header = message.fields_by_name.get("header")
    holder = message if header is None or header.message_type is None else header.message_type
    user_id = holder.fields_by_name.get("user_id")
    return user_id is not None and user_id.number == 1


def test_every_method_has_a_scope_and_every_scope_a_method() -> None:
    assert set(SCOPES) == set(METHODS)
    assert {service.full_name for service in SERVICES} == {ME_IMAGE_SERVICE, REFERENCE_SERVICE, ADMIN_SERVICE}


@every_method
def test_the_contract_names_the_same_scope(name: str) -> None:
    if has_one_scope(name):
        expected = f"Scope `{SCOPES[name]}`."
    else:
        expected = f"One person: scope `{SCOPES[name]}`; all: `{FOR_EVERYBODY[name]}`."
    assert expected in comment_of(METHODS[name])


@every_method
def test_a_request_names_its_user(name: str) -> None:
    assert names_a_user(METHODS[name].input_type) is (name not in FOR_NOBODY)


@every_method
def test_the_contract_lists_reasons_that_exist(name: str) -> None:
    listed = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", comment_of(METHODS[name]).partition("Reasons:")[2]))
    known = {reason.removeprefix("ERROR_REASON_") for reason in REASONS}
    assert listed or "Reasons:" not in comment_of(METHODS[name])
    assert listed <= known - COMMON


@every_method
def test_no_method_of_ours_is_open(name: str) -> None:
    assert not is_open(name)


@pytest.mark.parametrize(
    ("method", "answers_without_token"),
    [
        ("/grpc.health.v1.Health/Check", True),
        ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", True),
        ("/grpc.health.v1.HealthX/Check", False),
        ("/evil/grpc.health.v1.Health/Check", False),
        ("", False),
    ],
)
def test_what_answers_without_a_token(method: str, answers_without_token: bool) -> None:
    assert is_open(method) is answers_without_token
