"""Who uses the client and checks types strictly hears nothing of it: the README's example, and a little more."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.dev_process import ROOT

MORE = """
async def more(client: meimage.Client) -> str:
    try:
        page = await client.pool.ListMeImages(ListMeImagesRequest(user_id="ada"))
        async for event, resume_token in client.watch("ada"):
            reveal_type(event.revision)
            reveal_type(resume_token)
        return page.me_images[0].label
    except meimage.MeImageError as error:
        return error.reason + error.field_violations[0].field
"""


def test_the_example_passes_mypy_strict(tmp_path: Path) -> None:
    readme = (ROOT / "clients" / "python" / "README.md").read_text("utf-8")
    example = re.search(r"```python\n(.*?)asyncio\.run", readme, re.DOTALL)
    assert example is not None
    imports = "from meimage.v1.me_image_service_pb2 import ListMeImagesRequest\n"
    (tmp_path / "user.py").write_text(imports + example[1] + MORE)
    checked = subprocess.run(
        # As it is when the package is installed: what it says counts, not how it is made.
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--config-file=", "user.py"],
        cwd=tmp_path,
        env=os.environ | {"MYPYPATH": str(ROOT / "clients" / "python")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
    assert re.findall(r'Revealed type is "(.*)"', checked.stdout) == ["int", "str"]
