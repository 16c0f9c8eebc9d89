"""The file of the registry: TOML, one ``[[generator]]`` for each image model.

It is read once, at the start; what is wrong with it is told by file, generator and field, so that a registry of the
operator's own can be put right without reading code.
"""

import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.adapters.pictures_specs import SPECS, RenditionSpec
from service.domain.generators import Generator
from service.domain.model import MediaType, Rendition

PACKAGED = Path(__file__).parents[1] / "generators.toml"
"""The registry that comes with the service."""

_INT32_MAX = 2**31 - 1
_ID = r"^[a-z0-9][a-z0-9._-]*/[a-z0-9][a-z0-9._-]*$"

_Text = Annotated[str, Field(min_length=1, max_length=1000)]
_Count = Annotated[int, Field(ge=1, le=_INT32_MAX)]
_Named = Field(strict=False)
"""An enum, which the file writes as its text."""


class UnusableGenerators(Exception):
    """The registry cannot be read; the text names the file and, where it can, the generator and the field."""


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=_ID, max_length=128)]
    display_name: _Text
    max_references: _Count
    content_types: Annotated[tuple[Annotated[MediaType, _Named], ...], Field(strict=False, min_length=1)]
    rendition: Annotated[Rendition, _Named]
    max_image_bytes: _Count
    retention_note: _Text
    source: Annotated[str, Field(pattern=r"^https://\S+$", max_length=1000)]
    source_date: date


def read_generators(file: Path | None, specs: Mapping[Rendition, RenditionSpec] = SPECS) -> Mapping[str, Generator]:
    """Return the registry by generator id, sorted; ``None`` reads the packaged file.

    ``specs`` are the renditions that the service makes: a generator must accept the one that it is given.

    Raises:
        UnusableGenerators: not TOML of that form, or a generator that contradicts itself or ``specs``.
    """
    path = file or PACKAGED
    registry: dict[str, Generator] = {}
    for number, table in enumerate(_tables(path), start=1):
        generator = _generator(table, number, path)
        if generator.generator_id in registry:
            raise UnusableGenerators(f"{path}: {generator.generator_id}: id stands twice")
        if wrong := _contradiction(generator, specs):
            raise UnusableGenerators(f"{path}: {generator.generator_id}: {wrong}")
        registry[generator.generator_id] = generator
    return dict(sorted(registry.items()))


def _tables(path: Path) -> list[object]:
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UnusableGenerators(f"{path}: cannot be read: {type(error).__name__}") from None
    except ValueError as error:  # tomllib.TOMLDecodeError, UnicodeDecodeError
        raise UnusableGenerators(f"{path}: not TOML in UTF-8: {error}") from None
    tables = content.pop("generator", None)
    if content:
        raise UnusableGenerators(f"{path}: unknown key {min(content)}; only [[generator]] tables are known")
    if not isinstance(tables, list) or not tables:
        raise UnusableGenerators(f"{path}: no [[generator]] table")
    return tables


def _generator(table: object, number: int, path: Path) -> Generator:
    try:
        entry = _Entry.model_validate(table)
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in problem["loc"])
        name = _name(table) or f"generator {number}"
        raise UnusableGenerators(f"{path}: {name}: {field}: {problem['msg']}") from None
    fields = entry.model_dump()
    return Generator(generator_id=fields.pop("id"), **fields)


def _name(table: object) -> str | None:
    name = table.get("id") if isinstance(table, dict) else None
    return name if isinstance(name, str) and name else None


def _contradiction(generator: Generator, specs: Mapping[Rendition, RenditionSpec]) -> str | None:
    spec = specs.get(generator.rendition)
    if spec is None:
        return f"rendition: this service makes no {generator.rendition}"
    if spec.media_type not in generator.content_types:
        return f"rendition: {generator.rendition} is {spec.media_type}, which content_types does not name"
    if generator.max_image_bytes < spec.max_bytes:
        return f"max_image_bytes: {generator.rendition} may have up to {spec.max_bytes} bytes"
    return None
