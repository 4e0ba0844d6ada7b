"""The card that goes along with a character's file: what it is, what it was made of, what was measured, and under which terms it may be handed on.

It holds no conversation, no path of a computer and no name of a person but the character's. Format: https://huggingface.co/docs/hub/model-cards.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from studio.domain import licences, modelfile, sizes

_MARKS = {True: "✓", False: "✗", None: "–"}


def written(
    export: Mapping[str, Any],
    result: Mapping[str, Any],
    lesson: Mapping[str, Any],
    learned: Mapping[str, Any],
    folds_system: bool,
    has_terms: bool = False,
) -> str:
    """The card. `export`: the export's `spec.json`; `result`: its `certificate.json` and `result.json` together; `lesson`, `learned`: those of the lesson.

    `has_terms`: a copy of the base model's terms lies beside the file.
    """
    who, (base, repo) = export["persona"], licences.base_name(export["model"])
    licence = licences.of(export["model"], folds_system)
    file = str(result["path"]).replace("\\", "/").rsplit("/", 1)[-1]
    about = " ".join(part for part in (_line(who.get("description", "")).rstrip("."), "") if part)
    lines = [
        *_front(licence, repo, file),
        f"# {_line(who['name'])}",
        f"{about + '. ' if about else ''}A character to talk with, in one file. It learned its voice from example conversations on its writer's own computer, with Persona Studio.",
        "## What it is for",
        "Talking in character: for play, for stories, for games. It says what its examples taught it and makes up the rest; it knows nothing for certain, and should advise nobody "
        "about anything that matters.",
        *_talking(export["name"], file, folds_system),
        "## What it was made of",
        _table(_facts(base, repo, licence, export, result, lesson, learned)),
        "## Certificate",
        "Measured after the file was made, against the model as it was trained.",
        "\n".join(
            f"- {_MARKS[row['ok']]} {_line(row['title'])}: {_line(row['sentence'])} ({_line(row['expert'])})" for row in result["checks"]
        ),
        "## Licence",
        licence.notice(_line(who["name"]), base).strip(),
        *(["The terms of the base model lie beside this file as LICENSE."] if has_terms else [licence.task] if licence.task else []),
    ]
    return "\n\n".join(lines) + "\n"


def _front(licence: licences.Licence, repo: str, file: str) -> list[str]:
    """The lines the Hub reads."""
    rows = [
        f"license: {licence.hub}",
        *(
            [f"base_model: {repo}", f"base_model_relation: {'adapter' if file.endswith(f'-{sizes.ADAPTER}.gguf') else 'finetune'}"]
            if repo
            else []
        ),
    ]
    return [
        "\n".join(
            (
                "---",
                *rows,
                "pipeline_tag: text-generation",
                "tags:",
                "- character",
                "- persona-studio",
                *(["- gguf"] * file.endswith(".gguf")),
                "---",
            )
        )
    ]


def _talking(name: str, file: str, folds_system: bool) -> list[str]:
    if not file.endswith(".gguf"):
        return []
    if file.endswith(f"-{sizes.ADAPTER}.gguf"):
        parts = [
            "This is what the character learned, alone; it speaks once it is put onto its base model, in the conversation format of that model."
        ]
        parts += [
            f"With llama.cpp: `llama-cli -m base.gguf --lora {file}`.",
            "With Ollama: put the base model as `base.gguf` beside the Modelfile.",
        ]
        return [
            "## How to talk with it",
            " ".join([*parts, 'With Python: `PeftModel.from_pretrained(base, "peft")`, from the folder of that name.']),
        ]
    lines = "\n".join(f"    {line}" for line in modelfile.recipe(name, thinks=not folds_system))
    return ["## How to talk with it", "With Ollama (ollama.com), in the folder of this file:", lines]


def _facts(
    base: str,
    repo: str,
    licence: licences.Licence,
    export: Mapping[str, Any],
    result: Mapping[str, Any],
    lesson: Mapping[str, Any],
    learned: Mapping[str, Any],
) -> list[tuple[str, str]]:
    told = lesson.get("dataset", {})
    rows = [
        ("Base model", f"{base}{f' ({repo})' if repo else ''}, {licence.title}"),
        ("Examples", _examples(told)),
        ("Method", _method(lesson.get("recipe", {}))),
        ("Kept-back replies, loss before and after (nats a token)", _losses(learned)),
        ("Merged into", _MERGED.get(result.get("merged_into") or "", "")),
        ("File", f"{result['quantization']}, {sizes.in_words(result['bytes'])}"),
    ]
    if measured := result.get("logits"):
        rows.append(("Difference from the trained model (normalised squared error of the logits)", f"{measured['nmse']:.1e}"))
    return [(name, text) for name, text in rows if text]


def _examples(told: Mapping[str, Any]) -> str:
    if not told:
        return ""
    kept = f", {told['validation']} kept back to test honestly" if "validation" in told else ""
    return f"{told['conversations']} conversations{kept} (SHA-256 {str(told.get('sha256', ''))[:16]})"


def _method(recipe: Mapping[str, Any]) -> str:
    if not recipe:
        return ""
    kind = "DoRA" if recipe.get("dora") else "LoRA"
    parts = [
        f"{kind}{', rsLoRA' if recipe.get('rslora') else ''}",
        *(f"{name.replace('_', ' ')} {recipe[name]:.2g}" for name in _KNOBS if name in recipe),
    ]
    return ", ".join(parts)


_MERGED = {"original": "the original weights", "nf4": "what the lesson saw of the weights: those of 4 bit (NF4), made large again"}
_KNOBS = ("rank", "alpha", "epochs", "learning_rate")


def _losses(learned: Mapping[str, Any]) -> str:
    before, after = learned.get("validation_nll_base"), learned.get("validation_nll_adapter")
    return f"{before:.3f}, {after:.3f}" if isinstance(before, float) and isinstance(after, float) else ""


def _table(rows: Sequence[tuple[str, str]]) -> str:
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {_line(text).replace('|', '&#124;')} |" for name, text in rows)])


def _line(text: Any) -> str:
    """Somebody's words as one line that is neither markup nor the beginning of any."""
    line = " ".join(str(text).split()).replace("&", "&amp;").replace("<", "&lt;")
    safe = "".join(f"\\{letter}" if letter in "\\`*_[]#!" else letter for letter in line)
    return f"\\{safe}" if safe[:1] in tuple("-+>=~") else safe
