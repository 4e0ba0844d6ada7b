"""A chat as SillyTavern saves it, and what is read from it."""

import json

from studio.domain.formats import logs

HEADER = {"user_name": "Ana", "character_name": "Tansy", "create_date": "2026-03-01@20h11m", "chat_metadata": {"integrity": "6f"}}
GREETING = {
    "name": "Tansy",
    "is_user": False,
    "is_system": False,
    "send_date": "March 1, 2026 8:11pm",
    "mes": "Mind the nettles.",
    "extra": {},
}
WHO = {"name": "Ana", "is_user": True, "is_system": False, "send_date": "March 1, 2026 8:12pm", "mes": "Who are you?"}
TANSY = {
    "name": "Tansy", "is_user": False, "is_system": False, "send_date": "March 1, 2026 8:12pm", "mes": "Tansy. Sit.",
    "swipe_id": 1, "swipes": ["A witch.", "Tansy. Sit."], "swipe_info": [{}, {}], "gen_started": "x", "gen_finished": "y",
}  # fmt: skip


def visitor(text, name="Ana"):
    return {"name": name, "is_user": True, "is_system": False, "mes": text}


def character(text, name="Tansy"):
    return {"name": name, "is_user": False, "is_system": False, "mes": text}


def log(*rows):
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()


def read(*rows):
    return logs.read("tansy.jsonl", log(*rows))


def said(found):
    return [[(turn.role, turn.text) for turn in c.turns] for c in found.conversations]


def sentences(found):
    return [str(s) for s in found.skipped]


CHAT = [[("user", "Who are you?"), ("model", "Tansy. Sit.")]]
