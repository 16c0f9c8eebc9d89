"""Draw a person with OpenAI from their own photos: `python openai_edit.py portrait.png`.

Needs `pip install meimage openai`, and in the environment ME_IMAGES_ADDRESS (host:port), ME_IMAGES_TOKEN (a service
token with `me_images.release` and `me_images.on_behalf`), ME_IMAGES_USER_ID and OPENAI_API_KEY, which me-images never
sees.
"""

import asyncio
import base64
import os
import sys
import uuid
from pathlib import Path

import grpc
from meimage.providers import openai_edit_files
from meimage.release import ReleasedReferences, collect
from meimage.v1 import reference_service_pb2 as pb
from meimage.v1.reference_service_pb2_grpc import ReferenceServiceStub
from openai import AsyncOpenAI


async def released() -> ReleasedReferences:
    """Ask for the best four photos that the person lets AI use; a grpc.aio.AioRpcError says why there are none."""
    request = pb.ReleaseReferencesRequest(
        user_id=os.environ["ME_IMAGES_USER_ID"],
        by_kind=pb.KindSelection(max_images=4),
        generator="openai/gpt-image-2",
        purpose="A portrait in watercolour",  # the person reads this in their ledger
        request_id=str(uuid.uuid4()),
    )
    metadata = (("authorization", f"Bearer {os.environ['ME_IMAGES_TOKEN']}"),)
    # For a service on this machine; grpc.aio.secure_channel reaches others.
    async with grpc.aio.insecure_channel(os.environ["ME_IMAGES_ADDRESS"]) as channel:
        return await collect(ReferenceServiceStub(channel).ReleaseReferences(request, metadata=metadata))


async def portrait() -> bytes:
    """Return a PNG."""
    release = await released()
    async with AsyncOpenAI() as client:
        answer = await client.images.edit(
            model="gpt-image-2",
            image=openai_edit_files(release),
            prompt="A watercolour portrait of this person, smiling",
        )
    return base64.b64decode((answer.data or [])[0].b64_json or "")


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(asyncio.run(portrait()))
