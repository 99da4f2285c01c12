"""QLoRA (Dettmers et al., arXiv 2305.14314): LoRA over a base whose weights are kept in 4-bit NormalFloat.

The quantisation is bitsandbytes', done when the base is loaded; training, evaluation, resume and the loaded artifact
all compute with the same 4-bit base. The artifact is a plain LoRA in peft's layout.
"""

from __future__ import annotations

from tunewright.errors import RecipeError
from tunewright.methods.lora import Lora
from tunewright.models.load import Quantisation
from tunewright.spec.method import QloraSpec


class Qlora(Lora):
    """Implements `Method`.

    Raises:
        RecipeError: for `init: pissa`, which would have to change the quantised weights.
    """

    def __init__(self, spec: QloraSpec) -> None:
        super().__init__(spec)
        if spec.init == "pissa":
            raise RecipeError(
                "method.init: pissa moves a part of the base's weights into the adapter, and a 4-bit base cannot hold "
                "what is left",
                hint="--set method.init=zero, or --set method.kind=lora",
            )
        self.quantisation = Quantisation(double=spec.double_quantisation)
