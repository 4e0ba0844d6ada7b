"""What should not be taught because it is somebody's: addresses and numbers that lead to a person or a machine."""

import ipaddress
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate

from studio.domain.checks import Finding, Kind, Place, finding
from studio.domain.conversation import Conversation
from studio.domain.notes import Notes

Match = re.Match[str]
COUNTING = "01234567890123456789"
# Length of an account number by country (ISO 13616, the registry that SWIFT keeps).
IBAN = {country: int(length) for country, length in re.findall(
    r"([A-Z]{2})(\d\d)",
    "AD24 AE23 AL28 AT20 BA20 BE16 BG22 BR29 CH21 CY28 CZ24 DE22 DK18 EE20 ES24 FI18 FR27 GB22 GI23 GR27 HR21 HU28 IE22 IL23 IS26 IT27 "
    "KW30 LB28 LI21 LT20 LU20 LV21 MC27 MD24 ME22 MK19 MT31 NL18 NO15 PL28 PT25 QA29 RO24 RS22 SA24 SE24 SI19 SK24 SM27 TR26 UA29",
)}  # fmt: skip
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,4}[^\W\d_]{2,24}")
_LINK = re.compile(r"\b(?:https?://|www\.)[^\s<>\"]{2,}")
_SITE = re.compile(r"\.(?<=[A-Za-z0-9]\.)(?:com|org|net|edu|gov|info|app|dev|io|(?:co|ac|org)\.uk)(?![\w-])(?:/[^\s<>\"]*)?")
# Everything below begins with a digit and looks behind it only then: many times as fast as looking at every letter.
_ACCOUNT = re.compile(r"[0-9](?<=\b[A-Z][A-Z][0-9])[0-9](?: ?[A-Z0-9]){11,30}")
_CARD = re.compile(r"[2-6](?<![\w.,-][0-9])(?<![A-Z][A-Z][0-9][0-9] [0-9])[0-9]{3}(?:[ -]?[0-9]){9,15}(?![\w]|[.,][0-9])")
_MACHINE = re.compile(r"[0-9](?<![\w.][0-9])[0-9]{0,2}(?:\.[0-9]{1,3}){3}(?!\w|\.[0-9])")
_STREET = re.compile(  # 221B Baker Street, 42 W. 5th Ave; 12 rue de la Paix
    r"[0-9](?<!\w[0-9])[0-9]{0,4}(?:[A-Za-z]? (?:[NSEW]\.? )?(?:[A-Z][\w'’-]{0,30}\.? |[0-9]{1,3}(?:st|nd|rd|th) ){1,3}"
    r"(?:(?:[Ss]treet|[Rr]oad|[Aa]venue|[Ll]ane|[Dd]rive"
    r"|Boulevard|Court|Square|Terrace|Crescent|Close|Way|Place|Parkway|Highway|Mews|Gardens|Grove)\b"
    r"|(?:St|Rd|Ave|Ln|Dr|Blvd|Ct|Pl)\b(?!\.? [A-Z][a-z]))"
    r"|(?: ?(?:bis|ter))?,? (?:rue|avenue|boulevard|place|chemin|impasse|quai) (?:(?:de|du|des|la|le|les) |[dl]['’]){0,3}[A-ZÀ-Ý]\w+)"
)
_POSTCODE = re.compile(  # SW1A 2AA; Springfield, IL 62704; PO Box 12
    r"[0-9](?:(?<=\b[A-Z][0-9])|(?<=\b[A-Z][A-Z][0-9]))[A-Z0-9]? [0-9][ABD-HJLNP-UW-Z]{2}\b"
    r"|[0-9](?<=, [A-Z][A-Z] [0-9])[0-9]{4}(?:-[0-9]{4})?\b|[0-9](?:(?<=\bPO Box [0-9])|(?<=\bP\.O\. Box [0-9]))[0-9]{0,5}\b"
)
_WAYS = ("straße", "strasse", "str.", "gasse", "allee", "platz", "weg")
_NUMBER = re.compile(  # Lindenstraße 5, Am Weg 7
    rf"[0-9](?:{'|'.join(rf'(?<={re.escape(way[1:])} [0-9])' for way in _WAYS)})[0-9]{{0,3}}[a-z]?\b"
)
_WAY = re.compile(rf"\b(?:[A-ZÄÖÜ][a-zäöüß]{{1,30}}|[A-ZÄÖÜ][\w-]{{1,30}}[ -])(?:{'|'.join(map(re.escape, _WAYS))}) $", re.IGNORECASE)
_PLACE = re.compile(  # Calle Mayor 5, Via Roma 10
    r"\b(?:Calle|Avenida|Plaza|Paseo|Via|Viale|Piazza|Corso|Rua)"
    r"(?: (?:de|del|della|dei|di|la|el|los|las|da|do)){0,3}(?: [A-ZÀ-Ý]\w{1,30}){1,3},? [0-9]{1,4}\b"
)
_PLACES = ("Calle ", "Avenida ", "Plaza ", "Paseo ", "Via ", "Viale ", "Piazza ", "Corso ", "Rua ")
_MACHINE6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
_DATE = r"[0-9]{0,4}(?P<dash>[./-])[0-9]{1,2}(?P=dash)[0-9]{1,4}(?![./-]?[0-9])"
_PHONE = re.compile(rf"[0-9+(](?<![\w.,:/#$€£%+(-].)(?!{_DATE})[+(]?(?:[ ()./-]{{0,2}}[0-9]){{6,18}}(?!\w|[.,:/-][0-9])")
_AMERICAN = re.compile(r"(?:\+?1[ .-]?)?(?:\([2-9][0-9][0-9]\) ?|[2-9][0-9][0-9][ .-])[2-9][0-9][0-9][ .-][0-9]{4}")
_ASKED = re.compile(
    r"\b(?:(?:tele)?phone|tel|call|ring|text|dial|mobile|cell|whatsapp|fax|telefon|handy"
    r"|(?:my|his|her|our|your|their) number)\b\W{0,3}(?:\w+\W{1,3}){0,3}$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Sign:
    """How something private is recognised: a pattern, a proof of each match, and pieces of which a text has to hold one."""

    kind: Kind
    pattern: re.Pattern[str]
    proof: Callable[[Match], bool]
    near: tuple[str, ...]  # none: any digit


def read(conversations: Iterable[Conversation], notes: Notes | None = None) -> list[Finding]:
    """Every kind of private thing in any line, the visitor's too."""
    notes = notes or Notes()
    places: defaultdict[Kind, list[Place]] = defaultdict(list)
    for c in conversations:
        for kind, n in notes.of(c, "private", None, _seen):
            places[kind].append((c.id, c.title, n))
    sentence = "A model can repeat to anybody what it has learned."
    found = [finding(kind, "look", tuple(places[kind]), titles, sentence, "personal details") for kind, titles in TITLES.items()]
    return [f for f in found if f]


def _seen(spoken: Conversation) -> tuple[tuple[Kind, int], ...]:
    whole = "\n".join(turn.text for turn in spoken.turns)
    if not any(sign.pattern.search(whole) for sign in _near(whole)):
        return ()
    return tuple((kind, n) for n, turn in enumerate(spoken.turns) for kind in kinds(turn.text))


def kinds(text: str) -> list[Kind]:
    """The kinds of private things in a text. What one sign has claimed the next doesn't see: the digits of a card are no telephone."""
    found: dict[Kind, None] = {}
    for sign in _near(text):
        rest = _without(text, sign)
        if rest != text:
            found[sign.kind] = None
        text = rest
    return list(found)


def _near(text: str) -> list[Sign]:
    """The signs worth trying on a text."""
    digits = any(map(text.__contains__, "0123456789"))
    if not digits:
        return [sign for sign in SIGNS[:LETTERS] if any(map(text.__contains__, sign.near))]
    return [sign for sign in SIGNS if not sign.near or any(map(text.__contains__, sign.near))]


def _without(text: str, sign: Sign) -> str:
    return sign.pattern.sub(lambda match: "\n" if sign.proof(match) else match[0], text)


# ---------------------------------------------------------------- proofs
def _before(match: Match, characters: int) -> str:
    return match.string[max(0, match.start() - characters) : match.start()]


def _always(match: Match) -> bool:
    return True


def _is_account(match: Match) -> bool:
    """An IBAN of its country's length whose check digits are right (ISO 7064, modulo 97)."""
    signs = match.string[match.start() - 2 : match.end()].replace(" ", "")
    whole = signs[: IBAN.get(signs[:2], 0)]
    return len(whole) > 4 and len(whole) == IBAN[signs[:2]] and int("".join(str(int(c, 36)) for c in whole[4:] + whole[:4])) % 97 == 1


def _is_card(match: Match) -> bool:
    """13 to 19 digits in groups of four or more that begin as cards do and pass Luhn's sum (ISO/IEC 7812-1)."""
    groups = re.findall(r"\d+", match[0])
    if any(len(group) < 4 for group in groups[:-1]):
        return False
    return any(13 <= len(digits) <= 19 and digits not in COUNTING and _luhn(digits) for digits in accumulate(groups))


def _luhn(digits: str) -> bool:
    doubled = (int(d) * (1 + n % 2) for n, d in enumerate(reversed(digits)))
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def _is_machine(match: Match) -> bool:
    """An address somewhere else: not this machine's own, not 1.2.3.4, not a version."""
    try:
        address = ipaddress.ip_address(match[0])
    except ValueError:
        return False
    groups = [group for group in re.split(r"[.:]", match[0]) if group]
    version = re.search(r"\b(?:version|release|section|chapter)\W{0,2}$", _before(match, 20), re.IGNORECASE)
    return not (address.is_loopback or address.is_unspecified or version or _counts(groups)) and len(groups) > 2


def _is_street(match: Match) -> bool:
    """Not a year before a street's name: “in 1914 Downing Street”."""
    year = re.match(r"(?:1[5-9]|20)\d\d ", match[0])
    return not (year and re.search(r"\b(?:in|since|by|until|till|from|of)\s$", _before(match, 10), re.IGNORECASE))


def _is_number(match: Match) -> bool:
    """The number of a house, after a name that has a capital and the word for a street."""
    named = _WAY.search(_before(match, 70))
    return named is not None and named[0][0].isupper()


def _is_phone(match: Match) -> bool:
    """A number for abroad (E.164), one with the trunk 0, an American one, or digits somebody is told to call."""
    raw = match[0]
    groups = re.findall(r"\d+", raw)
    digits = "".join(groups)
    if len(set(digits)) < 3 or _counts(groups) or digits in COUNTING or (max(map(len, groups)) == 1 and raw[0] != "+"):
        return False
    before = _before(match, 40)
    if "ISBN" in before:
        return False
    if raw.startswith(("+", "(+", "00")):
        return 8 <= len(digits) <= 15
    if digits[0] == "0":
        return 9 <= len(digits) <= 12 and not re.fullmatch(r"0\.\d+", raw)
    return _AMERICAN.fullmatch(raw) is not None or (len(digits) <= 12 and not _is_amount(groups) and _ASKED.search(before) is not None)


def _is_amount(groups: list[str]) -> bool:
    """Thousands (1.000.000) or years (1914-1918)."""
    thousands = len(groups) > 1 and all(len(group) == 3 for group in groups[1:])
    return thousands or all(re.fullmatch(r"(?:1[5-9]|20)\d\d", group) for group in groups)


def _counts(groups: list[str]) -> bool:
    """Whether these are numbers one after the other, up or down."""
    if len(groups) < 3 or not all(group.isdigit() for group in groups):
        return False
    steps = {int(b) - int(a) for a, b in zip(groups, groups[1:], strict=False)}
    return steps <= {1} or steps <= {-1}


# In this order: an e-mail address holds a web address, a card holds what could be a telephone number.
SIGNS = (
    Sign("email", _EMAIL, _always, ("@",)),
    Sign("link", _LINK, _always, ("://", "www.")),
    Sign("link", _SITE, _always, (".",)),
    Sign("account", _ACCOUNT, _is_account, ()),
    Sign("card", _CARD, _is_card, ()),
    Sign("address", _MACHINE, _is_machine, ()),
    Sign("address", _MACHINE6, _is_machine, (":",)),
    Sign("street", _STREET, _is_street, ()),
    Sign("street", _POSTCODE, _always, ()),
    Sign("street", _NUMBER, _is_number, ()),
    Sign("street", _PLACE, _always, _PLACES),
    Sign("phone", _PHONE, _is_phone, ()),
)
LETTERS = 3  # the first signs need no digit
TITLES: dict[Kind, tuple[str, str]] = {
    "email": ("One line holds an e-mail address", "{N} lines hold e-mail addresses"),
    "link": ("One line holds a web address", "{N} lines hold web addresses"),
    "account": ("One line holds what looks like a bank account", "{N} lines hold what looks like bank accounts"),
    "card": ("One line holds what looks like a card number", "{N} lines hold what looks like card numbers"),
    "address": ("One line holds a computer's address", "{N} lines hold computers' addresses"),
    "street": ("One line holds what looks like a street address", "{N} lines hold what looks like street addresses"),
    "phone": ("One line holds what looks like a telephone number", "{N} lines hold what looks like telephone numbers"),
}
