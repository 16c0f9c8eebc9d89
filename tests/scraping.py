"""Prometheus, as far as a test needs it: reads the page and understands it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from prometheus_client.parser import text_string_to_metric_families

READ_SECONDS = 5.0


@dataclass(frozen=True)
class Scrape:
    """A page of metrics: the text, and each sample by name and labels."""

    text: str
    samples: Mapping[tuple[str, frozenset[tuple[str, str]]], float]

    def value(self, name: str, **labels: str) -> float:
        """Return one sample; fails where it is missing."""
        return self.samples[name, frozenset(labels.items())]

    def by(self, label: str, name: str) -> dict[str, float]:
        """Return the samples of a metric by one label."""
        return {dict(labels)[label]: value for (known, labels), value in self.samples.items() if known == name}

    @property
    def names(self) -> set[str]:
        """Return the names of all samples."""
        return {name for name, _ in self.samples}


async def ask(address: str, path: str = "/metrics", method: str = "GET") -> tuple[int, str]:
    """Ask as HTTP readers do; return the status and the body."""
    host, _, port = address.rpartition(":")
    async with asyncio.timeout(READ_SECONDS):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
    return int(head.split(b" ")[1]), body.decode()


async def scrape(address: str) -> Scrape:
    """Read the metrics."""
    status, text = await ask(address)
    assert status == HTTPStatus.OK
    samples = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    return Scrape(text, samples)
