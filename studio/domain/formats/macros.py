"""The words in braces that cards use for names.

Sources: Character Card V1 Specification, https://github.com/malfoyslastname/character-card-spec-v2/blob/main/spec_v1.md, and Character Card V3
Specification, “Curly Braced Syntaxes”, https://github.com/kwaroran/character-card-spec-v3/blob/main/SPEC_V3.md.
"""

import re
from dataclasses import dataclass

from studio.domain.formats.found import Skipped
from studio.domain.formats.source import shown

_USER = r"\{\{\s*user\s*\}\}|<user>"
_CHAR = r"\{\{\s*char\s*\}\}|<char>|<bot>"
_GROUP = r"\{\{\s*(?:charIfNotGroup|group)\s*\}\}"  # one character is its own group
_NAMES = re.compile(f"(?P<user>{_USER})|(?P<char>{_CHAR}|{_GROUP})", re.IGNORECASE)
_REMARKS = re.compile(r"\{\{\s*(?://|comment:|hidden_key:)[^{}]*\}\}", re.IGNORECASE)  # never told to the character
_EMPTY = re.compile(
    r"\{\{\s*(?:original|noop|trim)\s*\}\}", re.IGNORECASE
)  # the other program's own system prompt; nothing; no spaces here
_LINE = re.compile(r"\{\{\s*newline\s*\}\}", re.IGNORECASE)
_OTHERS = re.compile(r"\{\{[^{}\n]{1,80}\}\}")
_CURE = "Write in the studio what is meant there."


def unfilled(where: str, text: str) -> list[Skipped]:
    """What still stands for something else in a text, as one sentence; empty where all of it is words."""
    left = list(dict.fromkeys(_OTHERS.findall(text)))
    if not left:
        return []
    named = ", ".join(f"“{shown(one)}”" for one in left[:3]) + (" and others" if len(left) > 3 else "")
    return [Skipped(where, f"only another program knows what stands for {named}, so it came in as it is written.", _CURE)]


@dataclass(frozen=True)
class Cast:
    """Who speaks in a card."""

    char: str  # what {{char}} stands for
    user: str
    name: str  # the character's full name, where {{char}} is short for it

    def filled(self, text: str) -> str:
        """The text with both names in it, and without its author's remarks."""
        plain = _LINE.sub("\n", _EMPTY.sub("", _REMARKS.sub("", text))) if "{{" in text else text
        return _NAMES.sub(lambda found: self.user if found["user"] else self.char, plain).strip()

    @staticmethod
    def marks() -> re.Pattern[str]:
        """What a line begins with when somebody starts to speak in a running text, where a plain name proves nothing."""
        return re.compile(rf"[ \t]*(?:{_USER}|{_CHAR})[ \t]*[:：]", re.IGNORECASE)

    def speaker(self) -> re.Pattern[str]:
        """What a line of an example begins with when somebody starts to speak: groups `user` and `char`, one of them empty. “You” and
        “User” are what other programs call the visitor."""
        user, char = re.escape(self.user), "|".join(re.escape(name) for name in (self.char, self.name))
        return re.compile(rf"[ \t]*(?:(?P<user>(?i:{_USER})|{user}|You|User)|(?P<char>(?i:{_CHAR})|{char}))[ \t]*[:：]")
