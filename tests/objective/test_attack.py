"""Attacks as text: what is read, what is refused, and that the text says all of it."""

import pytest

from landscape.errors import UsageError
from landscape.objective.attack import Attack, attack_of


@pytest.mark.parametrize(
    "text",
    [
        "fgsm",
        "fgsm(eps=8/255)",
        "pgd(eps=0.1)",
        "pgd(eps=0.3, steps=7, step=0.1, start=0)",
        "pgd(norm=2, seed=3, box=[-1, 1])",
        "pgd(eps=0.1, restarts=4, seed=2, target=3)",
    ],
)
def test_the_text_of_an_attack_reads_back_as_the_same(text):
    found = attack_of(text)
    assert attack_of(found.text) == found


@pytest.mark.parametrize(("text", "eps"), [("8/255", 8 / 255), (".5/2", 0.25), ("1e-2/4", 0.0025), ("2.5/1e1", 0.25)])
def test_a_number_may_be_a_fraction(text, eps):
    assert attack_of(f"fgsm(eps={text})").eps == pytest.approx(eps)


def test_the_usual_settings_are_those_of_the_papers():
    assert attack_of("fgsm(eps=0.2)") == Attack("fgsm", 0.2, 1, 0.2, start=False)
    found = attack_of("pgd(eps=8/255)")
    assert (found.eps, found.steps, found.start) == (8 / 255, 10, True)
    assert found.step == pytest.approx(2.5 * found.eps / found.steps)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("cw(eps=1)", "expected fgsm or pgd"),
        ("fgsm(steps=3)", "fgsm has the settings eps, norm, box, and no 'steps'"),
        ("pgd(eps=-1)", "eps -1: expected a number from 0 on"),
        ("pgd(steps=0)", "steps 0: expected a whole number from 1 to 1000"),
        ("pgd(norm=1)", "norm 1: expected 2"),
        ("pgd(box=[1, 0])", "box [1, 0]: expected the lowest"),
        ("pgd(box=[-1e309, 1])", "expected the lowest and the highest valid entry"),
        ("pgd(eps=1/0)", "eps is 1 / 0; expected settings as"),
        ("pgd(target=x)", "target is x; expected settings as"),
        ("pgd(steps=5, steps=2)", "steps is given twice; expected each setting once"),
        ("pgd(eps=[1])", "eps [1]: expected a number"),
        ("pgd(restarts=0)", "restarts 0: expected a whole number from 1"),
        ("pgd(restarts=2, start=0)", "restarts 2 with start=0: all would be the same; leave out start=0"),
        ("pgd(target=-1)", "target -1: expected a whole number from 0"),
        ("fgsm(restarts=2)", "fgsm has the settings eps, norm, box, and no 'restarts'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(text, says):
    with pytest.raises(UsageError) as refusal:
        attack_of(text)
    assert says in str(refusal.value) and "\n" not in str(refusal.value)
