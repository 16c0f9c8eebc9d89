"""The file of the registry: what is wrong with it is told by file, generator and field."""

from dataclasses import fields
from datetime import date
from pathlib import Path

import pytest

from service.adapters.generators import PACKAGED, UnusableGenerators, read_generators
from service.adapters.pictures_specs import RenditionSpec
from service.commands.failures import end_with
from service.domain.generators import Generator
from service.domain.model import MediaType, Rendition

SPECS = {
    Rendition.PNG_1024: RenditionSpec(MediaType.PNG, 1024, (100,), 3_999_999),
    Rendition.JPEG_2048: RenditionSpec(MediaType.JPEG, 2048, (90,), 4 << 20),
    Rendition.PNG_SQUARE_1024: RenditionSpec(MediaType.PNG, 1024, (100,), 3_999_999),
}

GOOD = {
    "id": '"acme/brush-1"',
    "display_name": '"Acme Brush"',
    "max_references": "4",
    "content_types": '["image/png", "image/jpeg"]',
    "rendition": '"png-1024"',
    "max_image_bytes": "5_000_000",
    "retention_note": '"Nothing is known."',
    "source": '"https://acme.example/docs"',
    "source_date": "2026-11-23",
}

PNG, JPEG, WEBP, HEIC = MediaType.PNG, MediaType.JPEG, MediaType.WEBP, MediaType.HEIC
FIGURES: dict[str, tuple[int, set[MediaType], int]] = {
    "openai/gpt-image-1": (16, {PNG, WEBP, JPEG}, 50_000_000 - 1),
    "openai/gpt-image-1.5": (16, {PNG, WEBP, JPEG}, 50_000_000 - 1),
    "openai/gpt-image-2": (16, {PNG, WEBP, JPEG}, 50_000_000 - 1),
    "openai/gpt-image-2.5": (16, {PNG, WEBP, JPEG}, 50_000_000 - 1),
    "openai/dall-e-2": (1, {PNG}, 4_000_000 - 1),
    "google/gemini-2.5-flash-image": (3, {PNG, JPEG, WEBP, HEIC}, 7_000_000),
    "google/gemini-3.1-flash-image": (14, {PNG, JPEG, WEBP, HEIC}, 7_000_000),
    "google/gemini-3-pro-image": (14, {PNG, JPEG, WEBP, HEIC}, 7_000_000),
    "google/virtual-try-on-001": (1, {PNG, JPEG}, 7_000_000),
    "black-forest-labs/flux-2-max": (8, {PNG, JPEG, WEBP}, 20_000_000),
    "black-forest-labs/flux-2-pro": (8, {PNG, JPEG, WEBP}, 20_000_000),
    "black-forest-labs/flux-2-flex": (8, {PNG, JPEG, WEBP}, 20_000_000),
    "black-forest-labs/flux-2-klein": (4, {PNG, JPEG, WEBP}, 20_000_000),
    "bytedance/seedream-4.5": (14, {PNG, JPEG}, 10_000_000),
}
"""What the providers say: images in one call, formats, bytes of one image."""


def table(**changed: str | None) -> str:
    """One generator as the file writes it; ``None`` leaves a key out."""
    lines = [f"{key} = {value}" for key, value in {**GOOD, **changed}.items() if value is not None]
    return "\n".join(["[[generator]]", *lines, ""])


def written(folder: Path, content: str) -> Path:
    path = folder / "own.toml"
    path.write_text(content, "utf-8")
    return path


def refusal(path: Path) -> str:
    with pytest.raises(UnusableGenerators) as refused:
        read_generators(path, SPECS)
    assert refused.value.__cause__ is None
    assert str(refused.value).startswith(f"{path}: ")
    return str(refused.value).removeprefix(f"{path}: ")


def test_an_own_file_is_read_and_sorted(tmp_path: Path) -> None:
    registry = read_generators(written(tmp_path, table() + table(id='"acme/brush-0.9"')), SPECS)
    assert list(registry) == ["acme/brush-0.9", "acme/brush-1"]
    assert registry["acme/brush-1"] == Generator(
        generator_id="acme/brush-1",
        display_name="Acme Brush",
        max_references=4,
        content_types=(MediaType.PNG, MediaType.JPEG),
        rendition=Rendition.PNG_1024,
        max_image_bytes=5_000_000,
        retention_note="Nothing is known.",
        source="https://acme.example/docs",
        source_date=date(2026, 11, 23),
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("display_name", '""'),
        ("display_name", "7"),
        ("max_references", "0"),
        ("max_references", "-1"),
        ("max_references", "2.0"),
        ("max_references", "true"),
        ("max_references", '"4"'),
        ("max_references", "2_147_483_648"),
        ("content_types", "[]"),
        ("content_types", '"image/png"'),
        ("content_types", '["image/png", "image/gif"]'),
        ("content_types", "[1]"),
        ("rendition", '"png-512"'),
        ("rendition", "1024"),
        ("max_image_bytes", "0"),
        ("max_image_bytes", '"7 MB"'),
        ("max_image_bytes", "2_147_483_648"),
        ("retention_note", '""'),
        ("source", '"somewhere"'),
        ("source", '"http://acme.example"'),
        ("source_date", '"2026-11-23"'),
        ("source_date", "2026-11-23T10:00:00Z"),
        ("source_date", "2026"),
        ("colour", '"blue"'),
        *((field, None) for field in GOOD if field != "id"),
    ],
)
def test_a_bad_field_is_named_with_its_generator(tmp_path: Path, field: str, value: str | None) -> None:
    assert refusal(written(tmp_path, table(**{field: value}))).startswith(f"acme/brush-1: {field}")


@pytest.mark.parametrize(
    "name", ["brush", "/brush", "acme/", "acme/brush/1", "Acme/Brush", "acme brush/1", "", "a/" + "b" * 127]
)
def test_an_id_is_provider_and_model(tmp_path: Path, name: str) -> None:
    assert refusal(written(tmp_path, table(id=f'"{name}"'))).startswith(f"{name or 'generator 1'}: id: ")


@pytest.mark.parametrize("name", [None, "7"])
def test_a_generator_without_a_name_is_told_by_its_place(tmp_path: Path, name: str | None) -> None:
    assert refusal(written(tmp_path, table() + table(id=name))).startswith("generator 2: id: ")


def test_an_id_stands_once(tmp_path: Path) -> None:
    assert refusal(written(tmp_path, table() + table())) == "acme/brush-1: id stands twice"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"content_types": '["image/jpeg"]'}, "rendition: png-1024 is image/png"),
        ({"content_types": '["image/png"]', "rendition": '"jpeg-2048"'}, "rendition: jpeg-2048 is image/jpeg"),
        ({"max_image_bytes": "3_999_998"}, "max_image_bytes: png-1024 may have up to 3999999 bytes"),
        ({"rendition": '"webp-320"'}, "rendition: this service makes no webp-320"),
    ],
)
def test_a_generator_accepts_the_rendition_that_it_is_given(tmp_path: Path, changed: dict[str, str], said: str) -> None:
    assert refusal(written(tmp_path, table(**changed))).startswith(f"acme/brush-1: {said}")


def test_the_limit_of_the_generator_may_be_that_of_the_rendition(tmp_path: Path) -> None:
    assert read_generators(written(tmp_path, table(max_image_bytes="3_999_999")), SPECS)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no [[generator]] table"),
        ("generator = []", "no [[generator]] table"),
        ("generator = 7", "no [[generator]] table"),
        ("[generator]\nid = 'acme/brush-1'", "no [[generator]] table"),
        ("generator = [7]", "generator 1: "),
        ("generators = 7", "unknown key generators"),
        ("[[generator]", "not TOML in UTF-8: "),
        (table() + "id = 'acme/brush-2'", "not TOML in UTF-8: "),
        (table(source_date="2026-02-30"), "not TOML in UTF-8: "),
    ],
)
def test_what_is_no_registry_is_refused(tmp_path: Path, content: str, said: str) -> None:
    assert refusal(written(tmp_path, content)).startswith(said)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    assert refusal(tmp_path / "missing").startswith("cannot be read: FileNotFoundError")
    assert refusal(tmp_path).startswith("cannot be read: IsADirectoryError")
    assert refusal(binary).startswith("not TOML in UTF-8: ")


def test_a_command_says_it_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, table(max_references="0"))
    with pytest.raises(UnusableGenerators) as refused:
        read_generators(path, SPECS)
    with pytest.raises(SystemExit) as ended:
        end_with(refused.value)
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{path}: acme/brush-1: max_references: ")


def test_the_packaged_registry_has_the_figures_of_the_providers() -> None:
    registry = read_generators(None)
    assert list(registry) == sorted(registry)
    told = {name: (it.max_references, set(it.content_types), it.max_image_bytes) for name, it in registry.items()}
    assert told == FIGURES
    assert all(it.generator_id == name for name, it in registry.items())
    assert all(getattr(it, field.name) for it in registry.values() for field in fields(it))


def test_the_packaged_registry_gives_squares_and_detail_only_where_it_says_so() -> None:
    registry = read_generators(PACKAGED)
    other = {name: it.rendition for name, it in registry.items() if it.rendition is not Rendition.PNG_1024}
    assert other == {
        "openai/dall-e-2": Rendition.PNG_SQUARE_1024,
        "google/virtual-try-on-001": Rendition.JPEG_2048,
        "bytedance/seedream-4.5": Rendition.JPEG_2048,
    }
