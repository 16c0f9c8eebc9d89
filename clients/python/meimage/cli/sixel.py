"""A picture as DEC sixels (VT330/VT340 Programmer Reference, chapter 14): bands of six rows, a pass for each colour."""

from itertools import groupby

from PIL import Image

COLOURS = 64


def sixel(image: Image.Image) -> str:
    """Return the escape sequence that draws a picture."""
    few = image.quantize(COLOURS)
    palette = few.getpalette() or []
    width, height = few.size
    pixels = few.tobytes()
    colours = "".join(
        "#{};2;{};{};{}".format(number, *(round(part * 100 / 255) for part in palette[number * 3 : number * 3 + 3]))
        for number in sorted(set(pixels))
    )
    bands = [_band(pixels, width, range(top, min(top + 6, height))) for top in range(0, height, 6)]
    return f'\x1bPq"1;1;{width};{height}{colours}{"-".join(bands)}\x1b\\'


def _band(pixels: bytes, width: int, rows: range) -> str:
    lines = [pixels[row * width : (row + 1) * width] for row in rows]
    passes = []
    for colour in sorted(set(b"".join(lines))):
        bits = [sum((line[x] == colour) << bit for bit, line in enumerate(lines)) for x in range(width)]
        passes.append(f"#{colour}" + "".join(_run(value, len(list(same))) for value, same in groupby(bits)))
    return "$".join(passes)


def _run(bits: int, length: int) -> str:
    character = chr(63 + bits)
    return f"!{length}{character}" if length > 3 else character * length
