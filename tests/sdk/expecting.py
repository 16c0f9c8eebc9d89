"""Whether a transcript is what the scenario expects; see README.md."""

from collections.abc import Iterator, Mapping, Sequence

Json = object


def differences(expected: Json, found: Json, at: str = "") -> Iterator[str]:
    """Name each place where they differ."""
    if isinstance(expected, Mapping):
        if not isinstance(found, Mapping):
            yield f"{at}: {found!r} is no object"
            return
        for key, value in expected.items():
            if value is None:
                if key in found:
                    yield f"{at}.{key}: {found[key]!r}, and should not be there"
            elif key not in found:
                yield f"{at}.{key}: is missing"
            else:
                yield from differences(value, found[key], f"{at}.{key}")
    elif isinstance(expected, list):
        if not isinstance(found, Sequence) or len(found) != len(expected):
            yield f"{at}: {found!r} is no list of {len(expected)}"
            return
        for number, (value, other) in enumerate(zip(expected, found, strict=True)):
            yield from differences(value, other, f"{at}[{number}]")
    elif expected not in ("*", found):
        yield f"{at}: {found!r} instead of {expected!r}"
