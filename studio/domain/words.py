"""A text taken apart into words, sentences and syllables: one way for every check, so that their counts agree."""

import re
from functools import lru_cache

Sentence = tuple[list[str], str]  # its words as written, and the mark at its end: one of MARKS
MARKS = {"\x01": ".", "\x02": "!", "\x03": "?", "\x04": "?!", "\x05": "…", "\x06": ""}
_STANDS_FOR = {mark: f" {sign} " for sign, mark in MARKS.items()}

_WORD = re.compile(r"\w+(?:'\w+)*")
_WORD_OR_MARK = re.compile(r"\w+(?:'\w+)*|[\x01-\x06]")
_BARE = bytes(n if chr(n).isalnum() or chr(n) == "'" else ord(" ") for n in range(128)) + bytes(range(128, 256))
_BARE_BUT_MARKS = bytes(n if chr(n) in MARKS else _BARE[n] for n in range(256))
_END = re.compile(r"([.!?…。！？\n\x01-\x06]+)([\"'”’»)\]*]*)(\s*)")  # signs that may end a sentence, what closes, spaces
_WIDE = frozenset("。！？")  # after these comes no space
_STOP = _STANDS_FOR["."]
_USUAL = {". ": _STOP, "! ": _STANDS_FOR["!"], "? ": _STANDS_FOR["?"]}
_SHORT = frozenset(("mr", "mrs", "ms", "dr", "prof", "st", "vs", "e.g", "i.e"))  # a full stop after these ends no sentence
_VOWELS = re.compile(r"[aeiouy]+")
# Two sounds in one group of vowels: li-on, qui-et, do-ing, say-er, vide-o, usu-al; but not na-tion, spe-cial, mil-lion.
_PARTED = re.compile(
    r"(?<![ctsghx])(?<!ll)i[ao]|iet|clien|scien|crea(?=ti|te)|(?:id|r)ea(?=s?$)|eo(?=s?$)|poe[mt]|(?<!q)ua(?=l)"
    r"|[aeiou](?=ing)|(?<![aeiou])y(?=ing)|(?<=[^e])[aeiou]y(?=[aeiou])|y(?=one$)"
)
# An e that is not heard: mad-e, whol-es, look-ed, call-ed; lone-ly, some-thing, eve-ry; but not tab-le, want-ed.
_SILENT = re.compile(
    r"(?:[^aeiouylr]|[aeiouy][lr]|rr)es?$|(?:[^aeiouytdl]|[aeiouyl]l|[aeiou]y)ed$"
    r"|(?<=[^aeiouy])e(?=ly$|ful|less|ment|thing|where|body|time|work)|(?<=^ev)e(?=ry)"
)
_HEARD_ES = re.compile(r"(?:[csxz]|[cs]h|[dn]g|[aeiou]g)es$")  # fac-es, dish-es, pag-es
_ONE_E = frozenset(("the", "he", "she", "we", "me", "be", "ye", "maybe", "hundred", "naked", "sacred"))


def straight(text: str) -> str:
    """The text with typewriter apostrophes and no low lines, so that `don’t` and `_don't_` are one word."""
    return text.replace("’", "'").replace("_", " ")


def words(text: str) -> list[str]:
    """The words of a text without case and punctuation. A hyphen parts words, an inner apostrophe doesn't."""
    return _taken(straight(text).casefold(), _BARE, _WORD)


def sentences(text: str) -> list[Sentence]:
    """The sentences of a text that have words. A line break ends one; “Mr.” ends none, nor … or a quoted end before a small letter."""
    tokens = _taken(_END.sub(_sign, straight(text)), _BARE_BUT_MARKS, _WORD_OR_MARK)
    found, start = [], 0
    for n in [n for n, token in enumerate(tokens) if token in MARKS]:
        if n > start:
            found.append((tokens[start:n], MARKS[tokens[n]]))
        start = n + 1
    if start < len(tokens):
        found.append((tokens[start:], ""))
    return found


def _taken(text: str, bare: bytes, pattern: re.Pattern[str]) -> list[str]:
    # What the pattern finds, three times as fast where the text is ASCII but for quotation marks and dashes, as most English is.
    plain = text
    if not text.isascii():
        for sign in "—–“”…":
            plain = plain.replace(sign, " ")
    if plain.isascii():
        plain = f" {plain.encode('ascii').translate(bare).decode('ascii')} "
        if "'" not in plain or not (" '" in plain or "' " in plain or "''" in plain):
            return plain.split()
    return pattern.findall(text)


def _sign(match: re.Match[str]) -> str:
    """What stands for this end: one of MARKS between spaces, or what was there where nothing ends."""
    usual = _USUAL.get(match[0])
    if usual and not (usual is _STOP and _is_short(match.string, match.start())):
        return usual
    signs, closing, space = match.groups()
    if not signs.isprintable():  # a line break, or one of MARKS itself: an end
        signs, space = "".join(filter(str.isprintable, signs)), "\n"
    text, end = match.string, match.end()
    if end < len(text) and (not (space or set(signs) & _WIDE) or (signs == "." and _is_short(text, match.start()))):
        return match[0]
    if space != "\n" and (closing or signs.startswith("..") or signs == "…") and text[end : end + 1].islower():
        return " "
    called, asked = "!" in signs or "！" in signs, "?" in signs or "？" in signs
    if called or asked:
        return _STANDS_FOR["?" * asked + "!" * called]
    return _STANDS_FOR["…" if signs == "…" or len(signs) > 1 else "." if signs else ""]


def _is_short(text: str, stop: int) -> bool:
    last = text[max(0, stop - 5) : stop].split()[-1:]
    return bool(last) and last[0].lstrip("(“\"'").casefold() in _SHORT


@lru_cache(maxsize=65_536)
def syllables(word: str) -> int:
    """The syllables of an English word in small letters, by rule and without a dictionary.

    Every group of a, e, i, o, u, y is one. Less one each for a final -e, -es or -ed that is not heard and for a silent e before an
    ending; plus one each for two vowels heard apart. At least one. A number has one for each digit.
    """
    letters = re.sub(r"(?<=[ds])n't$", "ent", word).replace("'", "")
    if letters.isdigit():
        return len(letters)
    count = len(_VOWELS.findall(letters)) + len(_PARTED.findall(letters))
    if letters not in _ONE_E and not _HEARD_ES.search(letters):
        count -= len(_SILENT.findall(letters))
    return max(1, count)
