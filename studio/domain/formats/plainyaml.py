"""The part of YAML in which text-generation-webui keeps its characters: one group of texts, each behind its name.

Source: YAML 1.2.2, https://yaml.org/spec/1.2.2/, scalars of every style (chapters 7.3 and 8.1); of lists and groups only that they are there.
"""

import re
from collections.abc import Sequence

from studio.domain.formats.source import Unreadable

_FIELD = re.compile(r"([\w][\w .-]*?)[ \t]*:(?:[ \t]+(.*))?$")
_BLOCK = re.compile(r"([|>])[+-]?([1-9]?)[+-]?(?:[ \t]+#.*)?$")
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "_": "\xa0", "N": "\x85", "e": "\x1b", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_LAST = 0x10FFFF


def fields(content: str) -> dict[str, str | list[str] | None]:
    """Each name with its text; an empty list where a list or a group stands. Raises Unreadable at the first line that is neither."""
    lines = content.replace("\r\n", "\n").split("\n")
    found: dict[str, str | list[str] | None] = {}
    at = 0
    while at < len(lines):
        begun = _FIELD.match(lines[at])
        stop = at + 1
        while stop < len(lines) and (not lines[stop].strip() or lines[stop][0] in " \t-"):
            stop += 1
        if begun:
            found[begun[1]] = _value((begun[2] or "").strip(), lines[at + 1 : stop])
        elif lines[at].strip() and not lines[at].startswith(("#", "---", "...", "%")):
            what = "no name with a colon stands at the beginning of this line."
            raise Unreadable(what, "\n".join(lines), sum(len(line) + 1 for line in lines[:at]))
        at = stop if begun else at + 1
    return found


def _value(first: str, rest: Sequence[str]) -> str | list[str] | None:
    block = _BLOCK.match(first)
    if block:
        return _folded(_indented(rest, block[2])) if block[1] == ">" else "\n".join(_indented(rest, block[2])).rstrip("\n")
    inside = [line for line in rest if line.strip()]
    if first.startswith(("[", "{", "&", "*", "!")) or (not first and any(_nested(line) for line in inside[:1])):
        return []
    text = _folded([first, *(line.strip() for line in rest)]).strip()
    if text[:1] in ("'", '"') and text[-1:] == text[0] and len(text) > 1:
        return text[1:-1].replace("''", "'") if text[0] == "'" else _ESCAPE.sub(_unescaped, text[1:-1])
    return text.partition(" #")[0].rstrip() or None


def _nested(line: str) -> bool:
    return line.lstrip().startswith("- ") or _FIELD.match(line.strip()) is not None


def _indented(lines: Sequence[str], given: str) -> list[str]:
    """The lines of a block without what they are indented by."""
    first = next((line for line in lines if line.strip()), "")
    width = int(given) if given else len(first) - len(first.lstrip(" "))
    return [line[width:] for line in lines]


def _folded(lines: Sequence[str]) -> str:
    """Lines that go on in one line; a blank line between them is a line end."""
    text, ends = "", 0
    for n, line in enumerate(lines):
        if n and not line.strip():
            ends += 1
            continue
        text += ("\n" * ends if ends else " " * bool(n)) + line
        ends = 0
    return text


def _unescaped(found: re.Match[str]) -> str:
    sign = found[1]
    if len(sign) > 1:
        return chr(min(int(sign[1:], 16), _LAST))
    return _ESCAPED.get(sign, sign)
