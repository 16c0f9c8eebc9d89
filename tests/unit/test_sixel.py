"""A picture drawn as sixels, read back as a terminal would."""

import re

from meimage.cli.sixel import sixel
from PIL import Image

from tests.pictures import marker


def drawn(text: str) -> Image.Image:
    """Draw what the sequence says, pixel by pixel (VT330/VT340 Programmer Reference, chapter 14)."""
    body = re.fullmatch(r'\x1bPq"1;1;(\d+);(\d+)(.*)\x1b\\', text, re.DOTALL)
    assert body is not None
    image = Image.new("RGB", (int(body[1]), int(body[2])))
    colours, colour, x, top = dict[int, tuple[int, ...]](), 0, 0, 0
    for token in re.finditer(r"#(\d+)(?:;2;(\d+);(\d+);(\d+))?|!(\d+)(.)|([$-])|(.)", body[3]):
        number, red, green, blue, length, repeated, move, single = token.groups()
        if red is not None:
            colours[int(number)] = tuple(round(int(part) * 2.55) for part in (red, green, blue))
        elif number is not None:
            colour = int(number)
        elif move is not None:
            x, top = 0, top + 6 * (move == "-")
        else:
            bits = ord(repeated or single) - 63
            for column in range(x, x + int(length or 1)):
                for bit in range(6):
                    if bits >> bit & 1:
                        image.putpixel((column, top + bit), colours[colour])
            x += int(length or 1)
    return image


def test_it_is_the_picture() -> None:
    image = marker(31, 22)
    back = drawn(sixel(image))
    assert back.size == image.size
    pairs = zip(image.tobytes(), back.tobytes(), strict=True)
    assert max(abs(one - other) for one, other in pairs) <= 2, "colours are per cent"
