"""clients/grpcurl.md is true, and leaves no RPC out."""

import re
import shutil
from pathlib import Path
from zipfile import ZipFile

import pytest
from meimage.v1 import admin_service_pb2, me_image_service_pb2, reference_service_pb2

from tests.dev_process import ROOT, dev_running, environment
from tests.pictures import jpeg
from tests.shell_page import run_page, steps_of

PAGE = (ROOT / "clients" / "grpcurl.md").read_text("utf-8")


def test_it_has_a_line_for_every_rpc() -> None:
    called = set(re.findall(r"^(?:\w+=\$\()?(?:me|generator|office) (\w+)\b", PAGE, re.MULTILINE))
    services = (
        me_image_service_pb2.DESCRIPTOR.services_by_name["MeImageService"],
        reference_service_pb2.DESCRIPTOR.services_by_name["ReferenceService"],
        admin_service_pb2.DESCRIPTOR.services_by_name["AdminService"],
    )
    assert called == {method.name for service in services for method in service.methods}


@pytest.mark.skipif(
    shutil.which("grpcurl", path=environment()["PATH"]) is None,
    reason="GRPCURL IS MISSING: the lines of clients/grpcurl.md were not run",
)
async def test_every_line_answers_as_it_shows(tmp_path: Path) -> None:
    (tmp_path / "me.jpg").write_bytes(jpeg(1200, 800, orientation=6))
    async with dev_running(tmp_path):
        await run_page(list(steps_of(PAGE)), tmp_path)
    assert (tmp_path / "reference.png").read_bytes().startswith(b"\x89PNG")
    with ZipFile(tmp_path / "everything.zip") as everything:
        assert everything.testzip() is None
        assert {"README.txt", "me-images.json", "ledger.json"} <= set(everything.namelist())
