"""In Python a message names keywords, in the shell flags; whole commands stay as they are."""

import pytest
from torch import nn

import landscape as ll
from landscape.cli.main import main
from landscape.errors import UsageError
from landscape.wording import Keyword, python_calls, shell_runs, worded

KNOWN = {
    "--data": Keyword("data"),
    "--batch-size": Keyword("batch_size"),
    "--overwrite": Keyword("overwrite", switch=True),
    "-o": Keyword("out"),
    "-x": Keyword("x"),
    "--samples": Keyword("samples"),
    "--model": Keyword("model"),
    "--kind": Keyword("kind", choices=("contour",)),
    "--precision": Keyword("precision"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("shell", "python"),
    [
        ("give --data, such as digits", "give data=..., such as digits"),
        ("give another -o, or --overwrite to start again", "give another out, or overwrite=True to start again"),
        ("take a smaller --batch-size, or --samples N", "take a smaller batch_size, or samples=N"),
        ("choose one with --model G", "choose one with model='G'"),
        ("take --samples 512.", "take samples=512."),
        ("give --model n.py:build --data d.py:f yourself", "give model='n.py:build', data='d.py:f' yourself"),
        ("--kind contour draws it, --kind of it all", "kind='contour' draws it, kind of it all"),
        ("--precision fp32 (in Python precision='fp32') is exact", "precision='fp32' is exact"),
        ("name one, as in --kind relief", "name one, as in kind='relief'"),
        ("with -x -1:1:51", "with x='-1:1:51'"),
        ("run `landscape hessian s.h5 --data a --overwrite`", "run `landscape hessian s.h5 --data a --overwrite`"),
        ("landscape info a.pt --data b tells it; give --data", "landscape info a.pt --data b tells it; give data=..."),
        ("cannot read /tmp/-o/b.h5, ./-x or -o/c; give -o", "cannot read /tmp/-o/b.h5, ./-x or -o/c; give out=..."),
        ("a --flag of others, well-o-known, x-data", "a --flag of others, well-o-known, x-data"),
    ],
)  # fmt: skip
def test_a_message_in_both_words(shell: str, python: str):
    assert worded(shell) == shell, "outside of any call"
    with python_calls(KNOWN):
        assert worded(shell) == python
    with shell_runs(), python_calls(KNOWN):
        assert worded(shell) == shell


def test_errors_that_leave_the_outermost_call_are_in_its_words():
    with pytest.raises(UsageError, match=r"give data=\.\.\."), python_calls(KNOWN), python_calls({}):
        raise UsageError("give --data")
    assert worded("give --data") == "give --data", "no call is under way any more"


def test_python_and_the_shell_each_have_theirs(capsys, tmp_path):
    with pytest.raises(UsageError, match=r"give data=\.\.\., such as"):
        ll.surface(model=nn.Linear(2, 2))
    with pytest.raises(UsageError, match=r"no data: give data=\.\.\., such as"):
        ll.train(nn.Linear(2, 2))
    assert main(["train", "--model", "resnet20", "-o", str(tmp_path / "run")]) == 2
    assert "no data: give --data, such as" in capsys.readouterr().err
