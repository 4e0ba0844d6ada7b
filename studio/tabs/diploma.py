"""The certificate panel: what was checked on a file, as markup."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from studio.domain import certificate
from studio.tabs.room import day
from studio.tabs.wiring import literal, ticks

MERGED = "<br>Merged into the 4-bit weights of the lesson"


def checked(checks: Sequence[Mapping[str, Any]], at: float, four_bit: bool = False) -> str:
    """The certificate of a checked file; `four_bit`: it was merged into what its lesson saw in 4 bit. One check that went wrong turns all of it."""
    unsafe = any(check["ok"] is False for check in checks)
    title = "Not safe to share yet" if unsafe else certificate.headline(checks)
    states = {True: "ok", False: "bad", None: "wait"}
    rows = [(states[c["ok"]], literal(c["title"]), literal(c["sentence"]), literal(c["expert"])) for c in checks]
    named = {check["title"] for check in checks}
    rows += [("wait", title, "Not checked yet.", expert) for title, expert in certificate.TITLES if title not in named]
    return _cert(
        "bad" if unsafe else "",
        title,
        ticks(rows),
        f"Checked on this computer<br>{day(at, 0)}, {time.strftime('%H:%M', time.localtime(at))}{MERGED if four_bit else ''}",
    )


def waiting() -> str:
    """The certificate before there is a file."""
    rows = (("wait", check.title, check.sentence, check.expert) for check in certificate.waiting())
    return _cert("before", "Every file is checked before it travels", ticks(rows), "")


def _cert(state: str, title: str, checks: str, when: str) -> str:
    seal = '<span class="seal" aria-hidden="true"></span>' if when and state != "bad" else ""
    foot = f'<div class="sealrow"><p>{when}</p>{seal}</div>' if when else ""
    return f'<div class="cert {state}"><p class="kicker">Certificate</p><h2>{title}</h2>{checks}{foot}</div>'
