"""WebP pictures with something in the user comment of their Exif part."""

import io

from PIL import Image

USER_COMMENT = 0x9286


def webp(comment: bytes = b"") -> bytes:
    """A picture of 4 by 6 points, with this comment where it is any."""
    exif, held = Image.Exif(), io.BytesIO()
    if comment:
        exif[USER_COMMENT] = comment
    Image.new("RGB", (4, 6), (71, 85, 105)).save(held, "WEBP", exif=exif.tobytes())
    return held.getvalue()


def as_tavern_writes(text: str) -> bytes:
    """A comment as TavernAI has it: the numbers of the bytes, as text."""
    return b"ASCII\0\0\0" + ",".join(map(str, text.encode())).encode()
