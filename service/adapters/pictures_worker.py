"""What runs inside a decoder process: the fences first, then one task after another until the pool hangs up.

Started by ``pictures_process`` alone. An error that is no refusal ends the process, and the pool starts another.
"""

import contextlib
import fcntl
import os
from collections.abc import Mapping
from typing import BinaryIO

from service.adapters import pictures_sandbox
from service.adapters.pictures_frames import (
    HELLO,
    PREFIX,
    REFUSALS,
    BadFrame,
    frame,
    header_of,
    refused,
    rendered,
    sizes,
)
from service.domain.errors import MeImageError
from service.domain.limits import MAX_PHOTO_BYTES
from service.domain.model import MediaType, Rendition

PIPE_BYTES = 1 << 20
"""What an unprivileged process may ask for (pipe(7)): fewer turns of the parent's event loop for each photo."""

START_CPU_SECONDS = 30
"""Until the hello; about 0.3 are spent."""


def main(memory_bytes: int, cpu_seconds: int) -> None:
    """Serve tasks until standard input ends. The limits: bytes of address space, and CPU seconds for each task."""
    tasks, answers = _take_over_standard_streams()
    held = pictures_sandbox.limit(memory_bytes)
    pictures_sandbox.renew_cpu(START_CPU_SECONDS)
    # Under the limits, and while files can still be read.
    from service.adapters import pictures_render  # noqa: PLC0415 - the codecs must not load before the limits hold

    held += pictures_sandbox.lock()
    pictures_render.prepare()
    _send(answers, frame({"hello": HELLO, "sandbox": held}))
    while prefix := tasks.read(PREFIX.size):
        header_size, body_size = sizes(prefix, MAX_PHOTO_BYTES)
        task, media_type, renditions = _task(header_of(tasks.read(header_size)))
        photo = tasks.read(body_size)
        pictures_sandbox.renew_cpu(cpu_seconds)
        try:
            answer = rendered(task, pictures_render.render(photo, media_type, renditions))
        except MeImageError as refusal:
            if refusal.reason not in REFUSALS:
                raise
            answer = refused(task, refusal.reason)
        _send(answers, answer)


def _take_over_standard_streams() -> tuple[BinaryIO, BinaryIO]:
    """A library that prints would break the frames, and might print metadata: it finds /dev/null."""
    tasks, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with contextlib.suppress(OSError):
        fcntl.fcntl(tasks, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    os.close(nowhere)
    return tasks, answers


def _task(header: Mapping[str, object]) -> tuple[int, MediaType, tuple[Rendition, ...]]:
    task, media_type, renditions = header.get("task"), header.get("media_type"), header.get("renditions")
    if not isinstance(task, int) or not isinstance(renditions, list):
        raise BadFrame
    return task, MediaType(str(media_type)), tuple(Rendition(name) for name in renditions)


def _send(answers: BinaryIO, answer: bytes) -> None:
    answers.write(answer)
    answers.flush()
