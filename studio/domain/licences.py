"""Under which terms a character may be handed on: they are those of the model it learned on."""

from dataclasses import dataclass

from studio.domain import catalogue

# Gemma Terms of Use, section 3.1: what has to go along with a model made from Gemma. The quoted line has to stand in a text file called "Notice".
_GEMMA = """Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms

This is not Gemma as Google gave it out. It was changed: {name} was taught on {base} with example conversations.

Whoever uses this file or hands it on agrees to those terms, and above all to their section 3.2: it must not be used for what the Gemma Prohibited
Use Policy (ai.google.dev/gemma/prohibited_use_policy) rules out, nor against the law. Whoever hands it on passes that condition on to those who
receive it, with this notice and a copy of the Gemma Terms of Use.
"""
_APACHE = """{base}: Copyright Google LLC. Licensed under the Apache License, Version 2.0, which lies beside this file as LICENSE.

This is not {base} as Google gave it out. It was changed: {name} was taught on it with example conversations.
"""
_PRACTICE = """{name} was taught on the practice model that comes with Persona Studio, which was made to learn the studio with and not for real characters.
What it was trained on, and under which terms those texts are given, stands in PRACTICE-MODEL.md beside this file.
"""


@dataclass(frozen=True)
class Licence:
    """The terms of a base model. `hub`: what the Hugging Face Hub calls them; `beside`: what goes along, as (name beside the file, where the studio has it).

    `task`: what whoever hands the file on still has to do; empty where the studio has done all of it.
    """

    title: str
    hub: str
    text: str
    beside: tuple[tuple[str, str], ...] = ()
    task: str = ""

    def notice(self, name: str, base: str) -> str:
        """The text of `NOTICE` for a character of that name on that model."""
        return self.text.format(name=name, base=base)


GEMMA = Licence(
    "Gemma Terms of Use",
    "gemma",
    _GEMMA,
    task="Put a copy of the Gemma Terms of Use (ai.google.dev/gemma/terms) beside it before you hand it on.",
)
APACHE = Licence("Apache License 2.0", "apache-2.0", _APACHE, (("LICENSE", "licences/apache-2.0.txt"),))
PRACTICE = Licence("see PRACTICE-MODEL.md", "other", _PRACTICE, (("PRACTICE-MODEL.md", "practice-model/README.md"),))


def of(model_id: str, folds_system: bool) -> Licence:
    """The terms of a model of the list, or of a folder of one's own, where its family decides: Gemma 4 (which has turns for the system) is Apache 2.0."""
    if model_id == catalogue.PRACTICE:
        return PRACTICE
    return GEMMA if folds_system else APACHE


def base_name(model_id: str) -> tuple[str, str]:
    """(the model as people call it, its repository on the Hugging Face Hub or nothing)."""
    known = next((model for model in catalogue.MODELS if model.id == model_id), None)
    return (known.title, known.repo) if known else ("a Gemma model", "")
