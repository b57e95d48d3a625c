"""What `landscape optimizers` prints: a table of paths, of answers to a signal, or of learning rates.

Owns: the words, made of the result alone, so that a file reads as the run did. Loads numpy only when there is something to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from landscape.surfaces.surface import Surface


def table_lines(surface: Surface) -> list[str]:
    """One line for each optimizer: where it ended, when it reached the level, how many gradients it took."""
    made, run = surface.known.descent, surface.known.run
    assert made is not None and made.optimizers and run is not None
    if made.swept:
        return _sweep_lines(surface, made.optimizers)
    if surface.ndim == 1:
        return _answers(surface, made.optimizers)
    assert made.start
    least = "no known minimum" if made.minimum is None else f"minimum {made.minimum:.6g}"
    level = "no level" if run.level is None else f"level {run.level:.4g}"
    begin = f"from ({', '.join(f'{each:g}' for each in made.start)})"
    wide = max(len(text) for text in ("optimizer", *made.optimizers))
    said = [
        f"{surface.source or made.function}: {made.label} {begin}, {made.steps} steps, {least}, {level}",
        f"  {'optimizer':{wide}s}  {'final value':>12s}  {'steps to level':>14s}  {'gradients':>9s}",
    ]
    for text in made.optimizers:
        trail = surface.trails.get(text) or surface.trails[text.partition("(")[0]]
        value = trail.metrics["value"]
        reached = [] if run.level is None else (value <= run.level).nonzero()[0].tolist()
        steps = str(reached[0]) if reached else "-"
        count = int(trail.metrics["gradients"][-1])
        note = f"  {trail.ended}" if trail.ended else ""
        said.append(f"  {text:{wide}s}  {value[-1]:12.5g}  {steps:>14s}  {count:9d}{note}")
    return said


def _answers(surface: Surface, texts: Sequence[str]) -> list[str]:
    """The largest step of each optimizer in answer to a signal."""
    said = [
        f"{surface.source or 'signal'}: {len(surface.x)} gradients; the largest step of each, divided by the learning rate:"
    ]
    wide = max(map(len, texts))
    for text in texts:
        found = surface.values.get(text)
        steps = abs(surface.values[text.partition("(")[0]] if found is None else found)
        said.append(f"  {text:{wide}s}  {steps.max():10.4g} at step {int(surface.x[steps.argmax()])}")
    return said


def _sweep_lines(surface: Surface, texts: Sequence[str]) -> list[str]:
    """The best rate of each optimizer, and the one that takes the fewest steps."""
    import numpy as np

    rates, wide = 10.0**surface.x, max(map(len, texts))
    said = [f"{surface.source or 'sweep'}: {len(rates)} learning rates from {rates[0]:.3g} to {rates[-1]:.3g}"]
    for text in texts:
        name = text if text in surface.values else text.partition("(")[0]
        ends, steps = surface.values[name], surface.values.get(f"{name} steps", np.zeros(0))
        lost, best = int(np.isinf(ends).sum()), int(np.argmin(ends))
        line = f"  {text:{wide}s}  ends lowest at {rates[best]:.3g}: {ends[best]:.5g}"
        if np.isfinite(steps).any():
            fewest = int(np.nanargmin(steps))
            line += f"; {int(steps[fewest])} steps to level at {rates[fewest]:.3g}"
        said.append(line + (f"; diverged at {lost}" if lost else ""))
    return said
