"""Draw a person with Gemini from their own photos: `python gemini_edit.py portrait.png`.

Needs `pip install meimage google-genai`, and in the environment ME_IMAGES_ADDRESS (host:port), ME_IMAGES_TOKEN (a
service token with `me_images.release` and `me_images.on_behalf`), ME_IMAGES_USER_ID and GEMINI_API_KEY, which
me-images never sees.
"""

import asyncio
import os
import sys
import uuid
from pathlib import Path

import grpc
from google import genai
from google.genai import types
from meimage.providers import gemini_parts
from meimage.release import ReleasedReferences, collect
from meimage.v1 import reference_service_pb2 as pb
from meimage.v1.reference_service_pb2_grpc import ReferenceServiceStub


async def released() -> ReleasedReferences:
    """Ask for the best three photos that the person lets AI use; a grpc.aio.AioRpcError says why there are none."""
    request = pb.ReleaseReferencesRequest(
        user_id=os.environ["ME_IMAGES_USER_ID"],
        by_kind=pb.KindSelection(max_images=3),
        generator="google/gemini-2.5-flash-image",
        purpose="A portrait in watercolour",  # the person reads this in their ledger
        request_id=str(uuid.uuid4()),
    )
    metadata = (("authorization", f"Bearer {os.environ['ME_IMAGES_TOKEN']}"),)
    # For a service on this machine; grpc.aio.secure_channel reaches others.
    async with grpc.aio.insecure_channel(os.environ["ME_IMAGES_ADDRESS"]) as channel:
        return await collect(ReferenceServiceStub(channel).ReleaseReferences(request, metadata=metadata))


async def portrait() -> bytes:
    """Return a PNG."""
    photos = [types.Part.model_validate(part) for part in gemini_parts(await released())]
    wish = types.Part(text="A watercolour portrait of this person, smiling")
    async with genai.Client(api_key=os.environ["GEMINI_API_KEY"]).aio as client:
        answer = await client.models.generate_content(
            model="gemini-2.5-flash-image",
            contents=types.Content(role="user", parts=[*photos, wish]),
        )
    drawn = next(part.inline_data for part in answer.parts or [] if part.inline_data)
    return drawn.data or b""


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(asyncio.run(portrait()))
