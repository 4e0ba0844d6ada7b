"""What lies beside a finished file: the card, the notice and the terms of the model it was made from."""

import json

import pytest

from studio.engine import documenter
from studio.services import parcel
from studio.services.exports import Made

LINE = "Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms"
ADDED = "Put a copy of the Gemma Terms of Use"


def laid(root, model, folds_system, **beside):
    """A finished export's folder with its papers; its model's folder holds the files `beside`."""
    base, folder = root / "base", root / "made"
    base.mkdir(), folder.mkdir()
    for name, text in beside.items():
        (base / name.replace("_txt", ".txt")).write_text(text)
    spec = {
        "persona": {"name": "Biscuit"},
        "model": model,
        "model_path": "../base",
        "name": "biscuit",
        "file": "Q8_0",
        "adapter": "../lesson",
    }
    result = {"path": "biscuit-Q8_0.gguf", "quantization": "Q8_0", "bytes": 4, "checks": [], "answers": []}
    for name, value in (("spec", spec), ("certificate", {}), ("result", result)):
        (folder / f"{name}.json").write_text(json.dumps(value))
    documenter.lay(folder, folds_system)
    made = Made(folder, spec, result, 0.0, {}, False)
    assert {"README.md", "NOTICE"} <= set(parcel.papers(made)), "what is handed on has them too"
    return {name: text.decode() for name, text in parcel.papers(made).items()}


@pytest.mark.parametrize("model", ["gemma-3-1b", "gemma-2-2b", "folder:/somewhere"])
def test_a_gemma_under_googles_terms_has_their_notice_and_says_what_is_missing(tmp_path, model):
    papers = laid(tmp_path, model, folds_system=True)
    assert papers["NOTICE"].startswith(LINE) and LINE in papers["README.md"].replace("\\", "")
    assert "LICENSE" not in papers and ADDED in papers["README.md"]


def test_terms_and_notices_of_the_models_own_folder_go_along(tmp_path):
    papers = laid(tmp_path, "gemma-3-1b", True, Gemma_Terms_of_Use_txt="Gemma Terms of Use, whole", Notice="Somebody changed it before.")
    assert papers["LICENSE"] == "Gemma Terms of Use, whole" and ADDED not in papers["README.md"]
    assert papers["NOTICE"].startswith(LINE) and papers["NOTICE"].endswith("Somebody changed it before.")


@pytest.mark.parametrize("model", ["gemma-4-12b", "folder:/somewhere"])
def test_gemma_4_goes_with_the_apache_licence_and_its_own_notice(tmp_path, model):
    papers = laid(tmp_path, model, folds_system=False, NOTICE="Copyright of others")
    assert "Apache License" in papers["LICENSE"] and "Version 2.0" in papers["LICENSE"] and LINE not in papers["NOTICE"]
    assert "Apache License, Version 2.0" in papers["NOTICE"] and papers["NOTICE"].endswith("Copyright of others")
    assert "license: apache-2.0" in papers["README.md"]
