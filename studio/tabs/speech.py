"""From our turns to Gradio's chat value. Never back: what stands on the page is not read as anybody's words."""

import html
from collections.abc import Iterable
from typing import Any

from studio.domain.conversation import Role, Turn

ROLES: dict[Role, str] = {"user": "user", "model": "assistant"}


def bubbles(turns: Iterable[Turn]) -> list[dict[str, Any]]:
    """Turns as a Chatbot shows them, letter by letter.

    Gradio's Chatbot draws markup even where it is told not to, so every mark is written out. It also trims a plain string, but not a block.
    """
    return [{"role": ROLES[turn.role], "content": [{"type": "text", "text": html.escape(turn.text, quote=False)}]} for turn in turns]
