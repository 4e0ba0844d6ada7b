"""Who is meant by the words that data sets use for the two who speak."""

from collections.abc import Mapping

from studio.domain.formats.assembly import Speaker

_WORDS: Mapping[Speaker, str] = {
    "user": "user human prompter visitor",
    "model": "assistant gpt model bot chatgpt bing bard ai character",
    "system": "system developer",
}
_SPEAKERS: dict[str, Speaker] = {word: speaker for speaker, words in _WORDS.items() for word in words.split()}
_TOOLS = {"tool", "function", "function_call", "function-call", "tool_call", "tool_calls", "tool_response", "observation"}


def speaker(word: str, character: str = "") -> Speaker | None:
    """The one who speaks under this word; with the character's name given, every other name is a visitor's."""
    plain = folded(word)
    if plain in _SPEAKERS:
        return _SPEAKERS[plain]
    if character and plain not in _TOOLS:
        return "model" if plain == folded(character) else "user"
    return None


def is_tool(word: str) -> bool:
    """Whether a program speaks under this word, and nobody else."""
    return folded(word) in _TOOLS


def folded(word: str) -> str:
    """A word as it is compared: small letters, single spaces."""
    return " ".join(word.casefold().split())
