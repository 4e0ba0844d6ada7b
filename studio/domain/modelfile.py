"""What Ollama is told about a character: the same facts for its JSON interface and, as a `Modelfile`, for people."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from studio.domain import catalogue, gemma, licences
from studio.domain.gemma import Dialect
from studio.domain.persona import Persona

# Gemma's markup in Go's template language: the scene stands before the first thing the visitor says, as in training. Ollama adds `<bos>` itself.
_FOLDED = (
    "{{- $scene := .System }}{{- range .Messages }}{{- if eq .Role \"user\" }}START" "user\n"
    "{{ if $scene }}{{ $scene }}\n\n{{ $scene = \"\" }}{{ end }}{{ .Content }}END\n"
    "{{ else if eq .Role \"assistant\" }}START" "model\n{{ .Content }}END\n{{ end }}{{- end }}STARTmodel\n"
)  # fmt: skip
# Three quotes end a block in a Modelfile, and Ollama drops characters it can't print, so quotes count as neighbours across those.
_QUOTES = re.compile(r'"(?:[^ -~\n\t]*"){2,}')
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
LONGEST_CONTEXT = 8192


@dataclass(frozen=True)
class Modelfile:
    """The scene, the markup (empty: Ollama knows it), where to stop, and how to choose words."""

    system: str
    template: str
    stop: tuple[str, ...]
    parameters: Mapping[str, float | int]
    oldest: tuple[int, int, int] = (0, 6, 0)  # the first Ollama that knows this family
    licence: str = ""  # the notice that has to go along; Ollama keeps it with the model

    def render(self, file: str, adapter: str = "") -> str:
        """The text of a Modelfile for a GGUF file beside it, with an adapter file put onto that. No word of a person can become an instruction."""
        lines = [f"FROM ./{file}", *([f"ADAPTER ./{adapter}"] if adapter else [])]
        if self.template:
            lines.append(f'TEMPLATE """{self.template}"""')
        if self.system:
            lines.append(f'SYSTEM """{_quoted(self.system)}"""')
        lines += [f'PARAMETER stop "{mark}"' for mark in self.stop]
        lines += [f"PARAMETER {name} {value}" for name, value in self.parameters.items()]
        if self.licence:
            lines.append(f'LICENSE """{_quoted(self.licence)}"""')
        return "\n".join(lines) + "\n"


def of(persona: Persona, dialect: Dialect, model: str, context: int) -> Modelfile:
    """What Ollama has to know about this character on that model. `context` is the most tokens the model can look back."""
    # Gemma's published settings; a small model wanders at 1.0.
    heat = 0.7 if model == catalogue.PRACTICE else 1.0
    parameters = {
        "temperature": heat,
        "top_k": gemma.TOP_K,
        "top_p": gemma.TOP_P,
        "repeat_penalty": 1.0,
        "num_ctx": min(context, LONGEST_CONTEXT),
    }
    template = _FOLDED.replace("START", dialect.start).replace("END", dialect.end) if dialect.folds_system else ""
    # Ollama lays out Gemma 4 by itself: which of its ways, it tells from the size of the model.
    oldest = (0, 6, 0) if dialect.folds_system else (0, 20, 0)
    licence = licences.of(model, dialect.folds_system).notice(persona.name, licences.base_name(model)[0])
    return Modelfile(gemma.plain(persona.system), template, (dialect.end,), parameters, oldest, licence)


def recipe(name: str, thinks: bool) -> tuple[str, str]:
    """The two lines for a terminal that make a character of its Modelfile, and talk with it. `thinks`: its family (Gemma 4) thinks aloud unless told."""
    quietly = " --think=false" if thinks else ""  # no character has learned to think
    return f"ollama create {name} -f Modelfile", f"ollama run {name}{quietly}"


def _quoted(text: str) -> str:
    tidy = _UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _QUOTES.sub(lambda match: match[0].replace('"', "'"), tidy)
