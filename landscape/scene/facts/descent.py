"""Optimizers on a formula, in a few words.

Owns: the reading of that part of a provenance for people. Every key is optional, and may hold anything in
a file of others.
"""

from __future__ import annotations

from typing import Any


def descent_facts(known: dict) -> list[str]:
    """Of optimizers on a formula: the function, where they begin, and their settings."""
    made = known.get("descent")
    if not isinstance(made, dict):
        return []
    lines = [": ".join(filter(None, [str(made.get("label") or ""), str(made.get("source") or "")]))]
    start, rates = _numbers(made.get("start")), _numbers(made.get("rates"))
    if start:
        lines.append(f"from ({', '.join(f'{each:g}' for each in start)}), {made.get('steps')} steps")
    if made.get("noise"):
        lines.append(
            f"Gaussian noise of standard deviation {float(made['noise']):g} on both components of each gradient, seed "
            f"{made.get('seed')}, the same for all"
        )
    lines += [", ".join(map(str, made.get("optimizers") or []))]
    if rates and made.get("swept"):
        lines.append(
            f"{len(rates)} learning rates from {rates[0]:.3g} to {rates[-1]:.3g}; means over the last tenth of the steps"
        )
    elif rates:
        tried = f"of {len(rates)} learning rates from {rates[0]:g} to {rates[-1]:g}"
        lines.append(f"{tried} each has the one that ends lowest within the window")
    return list(filter(None, lines))


def _numbers(entry: Any) -> list[float]:
    """A list of numbers; nothing where a file has something else."""
    listed = entry if isinstance(entry, list) else []
    plain = all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in listed)
    return [float(each) for each in listed] if plain else []
