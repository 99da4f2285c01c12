"""Keep the libraries' own chatter out of a command's output: progress bars, advice, deprecation notes.

By their documented switches, in this one place. Imported only by verbs that load a model anyway.
"""

from __future__ import annotations

import logging as python_logging
import sys
import warnings

from huggingface_hub.utils import logging as hub_logging
from transformers.utils import logging


def quieten_libraries() -> None:
    """Silence the libraries below errors, and warnings unless the user asked for them (`python -W`)."""
    logging.set_verbosity_error()
    # The client tells every retry of an offline machine; our own error then says it once.
    hub_logging.set_verbosity_error()
    logging.disable_progress_bar()
    # peft imports it for every method, and it then regrets that an optional package of faster 4-bit kernels is missing.
    python_logging.getLogger("bitsandbytes").setLevel(python_logging.ERROR)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
