"""A file's bytes as text, its text as JSON, and a sentence wherever that can't be."""

import json
import re
from typing import Any

from studio.domain.errors import BadFile
from studio.domain.formats.found import DEEPEST, LARGEST, Skipped

NOTHING = "Nothing was brought in."
WHOLE = "the whole file"  # the place of what is wrong with all of it
TOO_DEEP = f"brackets stand inside brackets more than {DEEPEST} times."
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_DIGITS = re.compile(r"\d{1000}")
_KEY = re.compile(r'"((?:[^"\\\n]|\\.){1,60})"\s*:')
_BEFORE = 2_000  # characters in which the name of the field is looked for
_REASONS = (
    ("Unterminated string", "a text has no quotation mark at its end"),
    ("Invalid control character", "a text runs over the end of the line"),
    ("Expecting ',' delimiter", "a comma or a bracket is missing"),
    ("Expecting ':' delimiter", "a colon is missing"),
    ("Expecting property name", "a name in double quotation marks is missing"),
    ("Expecting value", "a value is missing"),
    ("Illegal trailing comma", "there is a comma too many"),
    ("Extra data", "something follows where the text should end"),
    ("Invalid \\", "a backslash stands where it means nothing"),
)


class Refused(BadFile):
    """A whole file stays out: where in it that is decided, what is wrong there, what to do."""

    def __init__(self, where: str, what: str, cure: str, outcome: str = NOTHING) -> None:
        self.skipped = Skipped(where, what, cure)
        super().__init__(f"{self.skipped} {outcome}")


class Unreadable(BadFile):
    """A text is not in its form: a sentence without the place, which stands beside it."""

    def __init__(self, what: str, text: str, at: int) -> None:
        super().__init__(what)
        self.line = text.count("\n", 0, at) + 1
        self.inside = spot(text, at)

    @property
    def place(self) -> str:
        """Where in the text it is."""
        return f"line {self.line}, {self.inside}"


def spot(text: str, at: int, begun: int = 0) -> str:
    """A place in its line: the column, and the last field that was named since `begun`, where there is one."""
    names = [found[1] for found in _KEY.finditer(text, max(begun, at - _BEFORE), at)]
    return f"column {at - text.rfind(chr(10), 0, at)}" + (f", at “{shown(names[-1])}”" if names else "")


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
    within(name, data)
    try:
        text = data.decode("utf-16", "surrogatepass") if data.startswith(_UTF16) else data.decode("utf-8-sig", "surrogateescape")
    except UnicodeDecodeError as error:
        where = f"{name}, byte {len(data):,}"
        raise Refused(where, "the file ends in the middle of a character.", "Copy it again from where it came.") from error
    if not text.strip():
        raise Refused(f"{name}, {WHOLE}", "there is nothing in it.", "Choose another file.")
    return text


def within(name: str, data: bytes) -> None:
    """Raises Refused where a file is larger than any file may be."""
    if len(data) > LARGEST:
        raise Refused(f"{name}, {WHOLE}", f"it is larger than {LARGEST // 1_000_000} MB.", "Split it into smaller files.")


def parsed(text: str) -> Any:
    """The value of a JSON text; raises Unreadable."""
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise Unreadable(TOO_DEEP, text, too_deep(text)) from error
    except json.JSONDecodeError as error:
        raise Unreadable(f"this can't be read as JSON: {reason(error)}.", text, error.pos) from error
    except ValueError as error:
        found = _DIGITS.search(text)
        raise Unreadable("there is a number of thousands of digits.", text, found.start() if found else 0) from error
    if is_deep(value):
        raise Unreadable(TOO_DEEP, text, too_deep(text))
    return value


def reason(error: json.JSONDecodeError) -> str:
    """What is wrong in plain words."""
    return next((why for start, why in _REASONS if error.msg.startswith(start)), "it is not JSON")


def too_deep(text: str, begun: int = 0) -> int:
    """Where the bracket is that is one too many, in what begins there."""
    depth = 0
    for found in _TOKEN.finditer(text, begun):
        depth += (found[0] in "[{") - (found[0] in "]}")
        if depth > DEEPEST:
            return found.start()
    return begun


def is_deep(value: Any) -> bool:
    """Whether lists and objects stand inside each other more than sixty times."""
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [inner for inner in level if isinstance(inner, dict | list)]
        if not level:
            return False
        level = [inner for outer in level for inner in (outer.values() if isinstance(outer, dict) else outer)]
    return True
