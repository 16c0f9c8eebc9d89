"""Whether what a provider was sent is exactly a release: every image, in its order, decoded."""

import base64
import json
from io import BytesIO

from meimage.release import ReleasedImage, ReleasedReferences
from PIL import Image

from tests.sdk.provider import Sent, form_parts

FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}
SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}


def assert_is(content: bytes, content_type: str, image: ReleasedImage) -> None:
    assert content == image.content
    assert content_type == image.content_type
    with Image.open(BytesIO(content)) as decoded:
        decoded.load()
        assert decoded.format == FORMATS[image.content_type]
        assert (decoded.size, decoded.mode) == ((image.width, image.height), "RGB")


def assert_is_edit(sent: Sent, release: ReleasedReferences, field: str = "image[]") -> None:
    """Check that these are exactly the images, in their order, each under its name and type."""
    assert sent.path == "/v1/images/edits"
    parts = form_parts(sent)
    files = [part for part in parts if part.filename is not None]
    assert [part.name for part in files] == [field] * len(release.images)
    for place, (part, image) in enumerate(zip(files, release.images, strict=True), start=1):
        assert part.filename == f"reference-{place}{SUFFIXES[image.content_type]}"
        assert_is(part.content, part.content_type, image)
    fields = {part.name: part.content.decode() for part in parts if part.filename is None}
    assert set(fields) == {"model", "prompt"}


def assert_is_inline(sent: Sent, release: ReleasedReferences, model: str) -> None:
    """Check that the images came first, then the prompt."""
    assert sent.path.endswith(f"/models/{model}:generateContent")
    (content,) = json.loads(sent.body)["contents"]
    *images, prompt = content["parts"]
    assert set(prompt) == {"text"}
    for part, image in zip(images, release.images, strict=True):
        assert set(part) == {"inlineData"}
        assert set(part["inlineData"]) == {"data", "mime_type"}  # JSON of protobuf: either spelling, either base64
        assert_is(base64.urlsafe_b64decode(part["inlineData"]["data"]), part["inlineData"]["mime_type"], image)
