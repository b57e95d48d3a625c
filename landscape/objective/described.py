"""A loss as its author describes it, where its signature and a trial do not say enough.

Owns: `Loss`, which is public as `landscape.Loss`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from landscape.errors import UsageError
from landscape.objective.loss_name import short_name
from landscape.objective.reading import Reading, Which

OF = OUTPUTS, MODEL = ("outputs", "model")
OVER = SAMPLES, BATCHES = ("samples", "batches")


@dataclass(frozen=True)
class Loss:
    """A loss, with what of a batch it reads and what its mean is over; pass it as `loss`, or name it as `file.py:loss`.

    Attributes:
        function: a name such as `cross_entropy`, or a callable: (outputs, targets) or (model, batch) -> (n,) values of the
            samples, () their mean, or a pair (sum, weight).
        inputs: what of a batch the net takes: the name of an entry, or a list of names that are passed as keywords; the number
            of an entry of a tuple; or a function of the batch. By default the entries that the net's `forward` names.
        targets: what of a batch the outputs are compared with, in the same way; by default the entry labels, label, targets,
            target or y of a dict or an object, the last one of a tuple.
        of: `outputs` or `model`: what the function takes. By default told from the name of its first parameter.
        over: what a returned mean is over: `samples`, or `batches` for a loss of whole batches, such as a contrastive one. By
            default found by evaluating parts of a batch.

    Raises:
        UsageError: another word for `of` or `over`.
    """

    function: str | Callable[..., Any] = "cross_entropy"
    inputs: Which | None = None
    targets: Which | None = None
    of: str | None = None
    over: str | None = None

    def __post_init__(self) -> None:
        for option, value, choices in (("of", self.of, OF), ("over", self.over, OVER)):
            if value not in (None, *choices):
                raise UsageError(f"{option} {value!r} of a Loss: expected {' or '.join(choices)}")

    def __call__(self, *arguments: Any) -> Any:
        """Its function, of the same arguments.

        Raises:
            UsageError: the function is given by name.
        """
        if isinstance(self.function, str):
            raise UsageError(f"the loss {self.function} is a name, which only the program can call")
        return self.function(*arguments)

    @property
    def reading(self) -> Reading:
        return Reading(self.inputs, self.targets)

    @property
    def shown(self) -> str:
        """What is added to the name in the provenance: a loss of other entries is another loss."""
        given = {"inputs": self.inputs, "targets": self.targets, "over": self.over}
        shown = [f"{key}={_shown(value)}" for key, value in given.items() if value is not None]
        return f" [{', '.join(shown)}]" if shown else ""


def _shown(value: Any) -> str:
    code = getattr(value, "__code__", None)
    if code is None:
        return short_name(value) if callable(value) else str(value)
    text = repr((code.co_code, code.co_names, [each for each in code.co_consts if not hasattr(each, "co_code")]))
    return f"{short_name(value)} {hashlib.sha256(text.encode()).hexdigest()[:8]}"
