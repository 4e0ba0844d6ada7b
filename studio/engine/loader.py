"""Loads a Gemma from a local folder onto whatever this machine computes with."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils.logging import disable_progress_bar

from studio.domain import gemma
from studio.domain.errors import StudioError
from studio.engine import team

disable_progress_bar()  # what loads is said by the page; a bar of shards in a log says nothing to anybody
SMALL = 50_000_000  # parameters below which fp32 costs nothing and keeps runs exactly repeatable


@dataclass(frozen=True)
class Device:
    """Where and in which number format a model runs."""

    name: str  # cuda, mps, cpu
    dtype: torch.dtype


def device(parameters: int, full: bool = False) -> Device:
    """The best place for a model of this size; `full`: in full numbers. Never fp16: Gemma 3's activations pass its largest number."""
    if torch.cuda.is_available():
        quick = not full and torch.cuda.is_bf16_supported(including_emulation=False)
        return Device("cuda", torch.bfloat16 if quick else torch.float32)
    if full:
        return Device("mps" if torch.backends.mps.is_available() else "cpu", torch.float32)
    if torch.backends.mps.is_available():
        return Device("mps", torch.bfloat16 if parameters > SMALL and torch.backends.mps.is_macos_or_newer(14, 0) else torch.float32)
    quick = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return Device("cpu", torch.bfloat16 if quick and parameters > SMALL else torch.float32)


def parameters(folder: Path) -> int:
    """Number of parameters, from the safetensors headers alone (bytes of a header: an 8-byte length, then JSON)."""
    total = 0
    for file in folder.glob("*.safetensors"):
        with open(file, "rb") as stream:
            header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
        for name, tensor in header.items():
            if name != "__metadata__":
                count = 1
                for size in tensor["shape"]:
                    count *= size
                total += count
    return total


def dialect(folder: Path, tokenizer: PreTrainedTokenizerBase) -> gemma.Dialect:
    """The markup this model was made with."""
    return gemma.dialect_in(json.loads((folder / "config.json").read_text("utf-8"))["model_type"], tokenizer.chat_template)


def tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer with the template the studio trains and talks with."""
    loaded = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    own = gemma.chat_template(dialect(folder, loaded))
    if own:
        loaded.chat_template = own
    return loaded


def model(folder: Path, four_bit: bool = False, full: bool = False, in_parts: bool = False) -> PreTrainedModel:
    """The text model of a folder, in eval mode, on its device; `full`: in full numbers; `in_parts`: in main memory, to be laid over several devices. Raises StudioError where the folder or the machine can't."""
    if not (folder / "config.json").is_file():
        raise StudioError("The folder of this model is gone. Nothing you wrote is touched. Choose a model in Train again.")
    place = device(parameters(folder), full)
    if four_bit and in_parts:
        raise StudioError(
            "A model in 4 bit can't be laid over several cards. Nothing was started. Switch 4 bit off in “Choices for experts”, or launch without --use_fsdp."
        )
    if four_bit and place.name != "cuda":
        raise StudioError("Learning in 4 bit needs an NVIDIA card. Nothing was started. Switch it off in “Choices for experts”.")
    extra = {}
    if four_bit:
        extra["quantization_config"] = small(place.dtype)
        extra["device_map"] = {"": team.place()}
    try:
        loaded = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, use_safetensors=True, dtype=place.dtype, **extra)
    except (OSError, ValueError, KeyError) as error:
        raise StudioError(
            f"The model in “{folder.name}” can't be read: {str(error).splitlines()[0]}. Nothing you wrote is touched. Fetch it again or choose another."
        ) from error
    loaded.get_output_embeddings().register_forward_pre_hook(_straight)
    # Of several processes on one machine each has a card of its own.
    return loaded.eval() if four_bit or in_parts else loaded.to(f"cuda:{team.place()}" if place.name == "cuda" else place.name).eval()


def small(dtype: torch.dtype) -> BitsAndBytesConfig:
    """How a model is held in 4 bit that computes in that number format."""
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype)


def _straight(head: torch.nn.Module, given: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
    """The last tokens of longer rows, laid out as if they were alone: over anything else PyTorch copies a frozen head of 262,144 words first."""
    (hidden,) = given
    return (hidden.reshape(-1, hidden.shape[-1]).view(hidden.shape),)
