"""Facts of a spectrum: what was computed of which net, and how well each number is known."""

import numpy as np

from landscape.scene.build import build_scenes
from tests.scene.kinds.spectra import (
    NODES,
    WEIGHTS,
    spectrum,
)


def test_facts():
    scene = build_scenes([spectrum(sharpness=0.0238)], kind="spectrum")[0]
    assert scene.title == "ResNet-20, CIFAR-10: Hessian spectrum"
    assert scene.facts == (
        "ResNet-20, 272,474 parameters",
        "resnet20.pt (sha256 01234567)",
        "CIFAR-10: 64 of 50,000 train samples",
        "cross-entropy",
        "batch-norm statistics kept",
        "Hessian of 270,896 parameters (those of more than one dimension)",
        "largest eigenvalue 162, smallest −8 (errors below 0.01 %)",
        "trace 2074 ± 67",
        "negative eigenvalues: 0.016 ± 0.024 % (below −0.01 times the largest magnitude)",
        "2 probes, 8 Lanczos steps each",
        "critical sharpness 0.0238",
    )
    assert build_scenes([spectrum()], kind="spectrum", title="Mine")[0].title == "Mine"


def test_facts_tell_what_is_uncertain_and_leave_out_what_is_unknown():
    half = spectrum(
        np.vstack([NODES[:1], 0 * NODES]), np.vstack([WEIGHTS[:1], np.nan * WEIGHTS]), errors=[0.1, 0, 0, 3.0]
    )
    facts = build_scenes([half], kind="spectrum")[0].facts
    assert "1 of 2 probes so far, 8 Lanczos steps each" in facts
    assert {"largest eigenvalue 162.0 ± 3.0", "smallest eigenvalue −8.00 ± 0.10"} <= set(facts)
    assert "negative eigenvalues: 0.0107 % (below −0.01 times the largest magnitude)" in facts, "one probe has no error"
    bare = build_scenes([spectrum(values=[], errors=[], trace=np.nan)], kind="spectrum")[0].facts
    assert not any(word in fact for fact in bare for word in ("trace", "eigenvalue", "sharpness"))
