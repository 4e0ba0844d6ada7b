"""Everything that touches weights."""

import logging
import warnings

# Two things libraries tell each other while they load, which nobody who uses the studio can act on. Here, because it has to come first.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
