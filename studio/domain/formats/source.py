"""A file's bytes as text, its text as JSON, and a sentence wherever that can't be."""

import json
from typing import Any

from studio.domain.errors import BadFile
from studio.domain.formats.found import DEEPEST, LARGEST

NOTHING = "Nothing was brought in."
TOO_DEEP = f"brackets stand inside brackets more than {DEEPEST} times."
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def storable(text: str) -> bool:
    """Whether every character is whole. Lone surrogates are legal in JSON, and `decoded` makes one of each byte that is no text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def mended(text: str) -> str:
    """A text with a question mark for each character that can't be stored: names in sentences, never words."""
    return text.encode(errors="replace").decode()


def shown(text: str) -> str:
    """A stranger's text as it may stand in a sentence: whole characters, one line, at most sixty of them."""
    line = " ".join(mended(text[:200]).split())
    return line if len(line) <= 60 else line[:59] + "…"


def decoded(name: str, data: bytes) -> str:
    """A file's text: UTF-8, or UTF-16 that says so. A byte that is no text becomes a lone surrogate, so that it costs one entry, not the file."""
    if len(data) > LARGEST:
        raise BadFile(f"{name} is larger than {LARGEST // 1_000_000} MB. Split it into smaller files. {NOTHING}")
    try:
        text = data.decode("utf-16", "surrogatepass") if data.startswith(_UTF16) else data.decode("utf-8-sig", "surrogateescape")
    except UnicodeDecodeError as error:
        raise BadFile(f"{name} ends in the middle of a character. Copy it again from where it came. {NOTHING}") from error
    if not text.strip():
        raise BadFile(f"{name} is empty. Choose another file. {NOTHING}")
    return text


def parsed(text: str) -> Any:
    """The value of a JSON text; raises BadFile with what is wrong there as a sentence, without the place."""
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise BadFile(TOO_DEEP) from error
    except json.JSONDecodeError as error:
        raise BadFile(f"what stands at character {error.pos + 1:,} is not JSON.") from error
    except ValueError as error:
        raise BadFile("there is a number of thousands of digits.") from error
    if is_deep(value):
        raise BadFile(TOO_DEEP)
    return value


def is_deep(value: Any) -> bool:
    """Whether lists and objects stand inside each other more than sixty times."""
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [inner for inner in level if isinstance(inner, dict | list)]
        if not level:
            return False
        level = [inner for outer in level for inner in (outer.values() if isinstance(outer, dict) else outer)]
    return True
