"""The words in braces that cards use for names.

Sources: Character Card V1 Specification, https://github.com/malfoyslastname/character-card-spec-v2/blob/main/spec_v1.md, and Character Card V3
Specification, “Curly Braced Syntaxes”, https://github.com/kwaroran/character-card-spec-v3/blob/main/SPEC_V3.md.
"""

import re
from dataclasses import dataclass

_USER = r"\{\{\s*user\s*\}\}|<user>"
_CHAR = r"\{\{\s*char\s*\}\}|<char>|<bot>"
_NAMES = re.compile(f"(?P<user>{_USER})|(?P<char>{_CHAR})", re.IGNORECASE)
_REMARKS = re.compile(r"\{\{\s*(?://|comment:|hidden_key:)[^{}]*\}\}", re.IGNORECASE)  # never told to the character
_ORIGINAL = re.compile(r"\{\{\s*original\s*\}\}", re.IGNORECASE)  # stands for the other program's own system prompt; here there is none


@dataclass(frozen=True)
class Cast:
    """Who speaks in a card."""

    char: str  # what {{char}} stands for
    user: str
    name: str  # the character's full name, where {{char}} is short for it

    def filled(self, text: str) -> str:
        """The text with both names in it, and without its author's remarks."""
        plain = _ORIGINAL.sub("", _REMARKS.sub("", text)) if "{{" in text else text
        return _NAMES.sub(lambda found: self.user if found["user"] else self.char, plain).strip()

    def speaker(self) -> re.Pattern[str]:
        """What a line of an example begins with when somebody starts to speak: groups `user` and `char`, one of them empty. “You” is what the
        first programs called the visitor."""
        user, char = re.escape(self.user), "|".join(re.escape(name) for name in (self.char, self.name))
        return re.compile(rf"[ \t]*(?:(?P<user>(?i:{_USER})|{user}|You)|(?P<char>(?i:{_CHAR})|{char}))[ \t]*:")
