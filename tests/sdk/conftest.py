"""What the tests of the SDKs share."""

from collections.abc import Iterator

import pytest

from tests.sdk.provider import Provider, provider


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with provider() as running:
        yield running
