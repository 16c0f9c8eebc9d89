"""Server reflection: for grpcurl where it is switched on, and not there otherwise."""

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from service.rpc.methods import ADMIN_SERVICE, ME_IMAGE_SERVICE, REFERENCE_SERVICE, SCOPES
from tests.conftest import Serve, Served


async def asked(served: Served, **question: str) -> reflection_pb2.ServerReflectionResponse:
    """Ask without a token, as grpcurl does before it calls anything."""
    stub = reflection_pb2_grpc.ServerReflectionStub(served.channel)
    requests = iter([reflection_pb2.ServerReflectionRequest(**question)])
    answers = [answer async for answer in stub.ServerReflectionInfo(requests)]
    assert len(answers) == 1
    return answers[0]


async def test_it_lists_the_services(served: Served) -> None:
    listed = (await asked(served, list_services="")).list_services_response.service
    assert {service.name for service in listed} == {
        "meimage.v1.MeImageService",
        "meimage.v1.ReferenceService",
        "meimage.v1.AdminService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }


async def test_it_describes_the_contract(served: Served) -> None:
    methods = set()
    for name in (ME_IMAGE_SERVICE, REFERENCE_SERVICE, ADMIN_SERVICE):
        answer = await asked(served, file_containing_symbol=name)
        for raw in answer.file_descriptor_response.file_descriptor_proto:
            for service in FileDescriptorProto.FromString(raw).service:
                methods |= {f"/meimage.v1.{service.name}/{method.name}" for method in service.method}
    assert methods == set(SCOPES)


async def test_it_knows_the_details_of_errors(served: Served) -> None:
    """Without their description grpcurl prints a refusal's reason as raw bytes."""
    answer = await asked(served, file_containing_symbol="google.rpc.ErrorInfo")
    assert answer.HasField("file_descriptor_response")


async def test_switched_off_it_is_not_there(serve: Serve) -> None:
    async with serve(reflection=False) as silent:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await asked(silent, list_services="")
        assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED
