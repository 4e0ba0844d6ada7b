"""Knows an error that means too little memory, whoever raised it."""

import errno

# What PyTorch's allocators (CPU, CUDA, MPS), the libraries under them (oneDNN, cuBLAS, cuDNN), C++, bitsandbytes and the systems say.
WORDS = (
    "out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory", "insufficient memory", "bad_alloc", "bad allocation",
    "alloc_failed", "unable to allocate", "could not create a memory", "failed to allocate", "cuda_error_out_of_memory",
)  # fmt: skip


def short_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out: of the machine, of a card, or of what the system grants this process."""
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    said = str(error).lower()
    return isinstance(error, (RuntimeError, OSError)) and any(words in said for words in WORDS)
