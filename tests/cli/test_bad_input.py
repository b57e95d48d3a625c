"""Bad input gets one line that names the value and the next step, the right exit status, and loses nothing."""

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from landscape.surfaces import load_surface


def one_line(result, status: int, *parts: str) -> None:
    found, _, errors = result
    assert found == status, errors
    assert len(errors) == 1, errors
    assert errors[0].startswith("landscape: ")
    for part in parts:
        assert part in errors[0]


def test_missing_checkpoint(surface):
    one_line(surface(checkpoint="gone.pt"), 1, "gone.pt", "no such file", "build.pt")


def test_truncated_checkpoint(surface):
    Path("cut.pt").write_bytes(Path("build.pt").read_bytes()[:900])
    one_line(surface(checkpoint="cut.pt"), 1, "cut.pt", "truncated")


def test_checkpoint_that_would_run_code(surface):
    import torch

    class Evil:
        def __reduce__(self):
            return os.system, ("touch hacked",)

    torch.save({"state_dict": Evil()}, "evil.pt")
    one_line(surface(checkpoint="evil.pt"), 1, "evil.pt", "could run code", "torch.save(model.state_dict()")
    assert not Path("hacked").exists()


def test_checkpoint_of_another_architecture(surface):
    one_line(
        surface(checkpoint="other.pt"), 1, "other.pt does not fit", "1.weight (7, 16) instead of (6, 16)", "--model"
    )


def test_checkpoint_of_no_zoo_net_without_model(run):
    one_line(run("surface", "build.pt", "--data", "npz:data.npz"), 1, "not one of the zoo", "1.weight", "--model")


def test_no_data_named(run):
    one_line(run("surface", "build.pt", "--model", "net.py:build"), 2, "no data", "--data")


def test_empty_and_missing_data_folder(surface):
    Path("empty").mkdir()
    one_line(surface(data="folder:empty"), 1, "folder:empty", "sub-folder per class")
    one_line(surface(data="folder:gone"), 1, "folder:gone", "no such folder")


def test_unreadable_image_is_named(surface):
    Path("pictures/a").mkdir(parents=True)
    Path("pictures/a/broken.png").write_bytes(b"not a picture")
    one_line(surface(data="folder:pictures"), 1, "pictures/a/broken.png", "cannot be decoded")


def test_labels_outside_the_classes(surface):
    one_line(surface(data="npz:labels7.npz"), 1, "label 7", "3 classes")


@pytest.mark.parametrize(
    ("spec", "part"),
    [
        ("1:1:0", "from 2 to"),
        ("a:b:c", "from:to:points"),
        ("1:-1:51", "1 is not smaller than -1"),
        ("-1:1:1", "from 2 to"),
        ("0:0:5", "0 is not smaller than 0"),
        ("-1:1", "from:to:points"),
        ("-inf:1:5", "finite"),
        ("nan:1:5", "finite"),
        ("-1:1:2.5", "from:to:points"),
    ],
)
def test_ranges(run, spec, part):
    words = ["surface", "build.pt", "--model", "net.py:build", "--data", "npz:data.npz"]
    one_line(run(*words, "-x", spec), 2, f"x range '{spec}'", part, "-1:1:51")
    one_line(run(*words, f"--y={spec}"), 2, f"y range '{spec}'", part)


@pytest.mark.parametrize("words", [["-x", "-1:1:3"], ["-x=-1:1:3"], ["--x=-1:1:3"], ["--x", "-1:1:3"]])
def test_all_forms_of_a_range_work(run, words):
    base = ["line", "build.pt", "--model", "net.py:build", "--data", "npz:data.npz", "--quiet", "-o", "l.h5"]
    assert run(*base, *words)[0] == 0
    assert load_surface("l.h5").x.tolist() == [-1.0, 0.0, 1.0]


def test_direction_file_of_another_net(surface):
    import torch

    from landscape.direction.files import write_directions
    from landscape.direction.selection import everything
    from landscape.options.groups import AxesOptions
    from landscape.slice.axes import make_directions
    from landscape.subject.net import load_net

    net = load_net("other.pt", "net.py:other")
    from landscape.layout import Layout

    layout = Layout.of(net.module)
    origin = layout.flatten(layout.tensors(net.module), dtype=torch.float32)
    write_directions("d.h5", make_directions(AxesOptions(), net, layout, origin, 2, everything(net.parts), [])[0])
    one_line(surface("--directions", "d.h5"), 1, "d.h5", "another net", "1.weight")


def test_output_in_a_missing_folder(surface):
    one_line(surface("-o", "no/where.h5"), 1, "no/where.h5", "does not exist")


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_output_in_an_unwritable_folder(surface):
    Path("locked").mkdir(mode=0o500)
    one_line(surface("-o", "locked/a.h5"), 1, "locked/a.h5", "not writable")


def test_output_that_is_a_folder(surface, here):
    one_line(surface("-o", str(here)), 1, "is a folder")


def test_output_of_another_run_is_not_touched(surface):
    assert surface()[0] == 0
    before = Path("out.h5").read_bytes()
    one_line(surface("--seed", "5"), 1, "out.h5", "seed is 0 in the file, 5 now", "--overwrite")
    one_line(surface("-x", "-1:1:5"), 1, "out.h5", "the grid is")
    assert Path("out.h5").read_bytes() == before
    assert surface("--seed", "5", "--overwrite")[0] == 0


def test_truncated_and_foreign_surface_files(run, surface):
    assert surface()[0] == 0
    Path("cut.h5").write_bytes(Path("out.h5").read_bytes()[:1500])
    one_line(run("plot", "cut.h5"), 1, "cut.h5", "truncated")
    Path("text.h5").write_text("hello")
    one_line(run("plot", "text.h5"), 1, "text.h5", "is not HDF5")
    with h5py.File("foreign.h5", "w") as file:
        file["stuff"] = np.zeros(3)
    one_line(run("plot", "foreign.h5"), 1, "foreign.h5", "not a surface", "stuff")
    one_line(run("plot", "gone.h5"), 1, "gone.h5", "no such file")
    one_line(surface("-o", "foreign.h5"), 1, "foreign.h5", "not a surface")


def test_gpu_asked_for_and_absent(surface):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    one_line(surface("--device", "cuda"), 1, "device 'cuda'", "--device cpu")


def test_nan_and_inf_losses_are_kept_counted_and_drawn(run, surface):
    status, said, errors = surface("--loss", "net.py:exploding", "-x", "-4:4:7", "-y", "-4:4:7", "--plot")
    assert (status, errors) == (0, [])
    found = load_surface("out.h5")
    array = found.values["train_loss"]
    nans, infs = int(np.isnan(array).sum()), int(np.isinf(array).sum())
    assert nans > 0 and infs > 0 and np.isfinite(array).any()
    assert f"{nans} nan" in said and f"{infs} inf" in said
    assert found.counts() == {"pending": 0, "done": 49, "failed": 0, "interpolated": 0}
    assert Path("out.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--to-y", "other.pt"], "to-y needs to"),
        (["--directions", "d.h5", "--to", "other.pt"], "one of them"),
        (["--directions", "d.h5", "--norm", "layer"], "used unchanged"),
        (["--state", "states", "--batchnorm", "keep"], "drop one"),
        (["--seed", "-1"], "seed -1"),
        (
            ["--lean", "--directions", "d.h5"],
            "lean computes directions again at each point, which excludes directions;",
        ),
        (["--lean", "--orthogonal"], "excludes orthogonal"),
        (["--lean", "--save-directions"], "excludes save-directions"),
        (["--lean", "--state", "states"], "excludes state states"),
        (["--samples", "0"], "samples 0"),
        (["--batch-size", "0"], "batch-size 0"),
        (["--threads", "0"], "threads 0"),
        (["--ignore", "("], "regular expression"),
        (["--ignore", "."], "nothing would move"),
        (["--normalize", "nonsense"], "normalize 'nonsense'"),
        (["--loss", "nonsense"], "loss 'nonsense'"),
        (["--metrics", "loss,nonsense"], "metric 'nonsense'"),
        (["--split", "both"], "invalid choice"),
        (["--device", "tpu"], "device 'tpu'"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
        (["--data", "nonsense"], "data 'nonsense'"),
    ],
)
def test_wrong_usage(surface, words, part):
    one_line(surface(*words), 2, part)


@pytest.mark.parametrize(
    "word", ["--resolution", "--points", "--grid", "--num-points", "--num_points", "--xnum=9", "--steps"]
)
def test_the_number_of_points_of_other_tools_is_answered_with_a_range(run, word):
    text = f"unrecognized arguments: {word} 5; the number of points is part of the range, such as -x -1:1:25; "
    one_line(run("surface", "build.pt", word, "5"), 2, text + "see landscape surface --help")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("surface", "build.pt", "--batchsize", "4"), "--batchsize 4; did you mean --batch-size"),
        (("plot", "a.h5", "--cmapp", "grey"), "--cmapp grey; did you mean --cmap? See landscape plot --help"),
        (("plot", "a.h5", "--qqqq", "5"), "--qqqq 5; see landscape plot --help"),
        (("plot", "a.h5", "--points"), "--points; the grid is that of the file (landscape surface CKPT -x -1:1:25), "),
        (("train", "--points", "5"), "--points 5; see landscape train --help"),
        (("surface", "build.pt", "other.pt"), "other.pt; see landscape surface --help"),
    ],
)
def test_an_unknown_option_is_answered_with_the_nearest_and_the_help_of_the_command(run, words, part):
    one_line(run(*words), 2, f"unrecognized arguments: {part}")


def test_no_command_and_wrong_command(run):
    one_line(run(), 2, "COMMAND")
    one_line(run("fly"), 2, "fly")


def test_a_bug_in_the_users_model_is_one_line_and_debug_shows_where(run):
    Path("broken.py").write_text("def build():\n    return 1 / 0\n")
    words = ["surface", "build.pt", "--model", "broken.py:build", "--data", "npz:data.npz", "-o", "o.h5"]
    one_line(run(*words), 1, "broken.py:build", "ZeroDivisionError")
    status, _, errors = run(*words, "--debug")
    assert status == 1 and any("1 / 0" in line for line in errors)


# training

TRAIN = {"--model": "resnet20", "--data": "digits", "-o": "run"}


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"--model": None}, ["no model", "--model"]),
        ({"--data": None}, ["no data", "--data"]),
        ({"--model": "resnet21"}, ["model 'resnet21'", "resnet20"]),
        ({"--data": "digit"}, ["data 'digit'", "digits"]),
        ({"--optimizer": "adamm"}, ["optimizer 'adamm'", "adam"]),
        ({"--optimizer": "lbfgs"}, ["optimizer 'lbfgs'"]),
        ({"--optimizer-option": "betas"}, ["optimizer-option 'betas'", "NAME=VALUE"]),
        ({"--optimizer-option": "beta=1"}, ["optimizer-option beta", "SGD has", "dampening"]),
        ({"--optimizer-option": "dampening=0.5"}, ["optimizer 'nesterov'", "dampening"]),
        ({"--lr": "-1"}, ["lr -1", "at least 0"]),
        ({"--lr": "nan"}, ["lr nan"]),
        ({"--epochs": "-3"}, ["epochs -3", "at least 0"]),
        ({"--batch-size": "0"}, ["batch-size 0", "at least 1"]),
        ({"--clip": "0"}, ["clip 0", "above 0"]),
        ({"--label-noise": "2"}, ["label-noise 2", "from 0 to 1"]),
        ({"--warmup": "40"}, ["warmup 40", "from 0 to 30"]),
        ({"--augment": "crop,rotate"}, ["augment 'rotate'", "crop, flip"]),
        ({"--progressive": "4"}, ["progressive 4", "16:10"]),
        ({"--progressive": "4:40"}, ["progressive", "30"]),
        ({"--progressive": "8:3"}, ["progressive 8", "larger"]),
        ({"--save-every": "0"}, ["save-every 0", "epoch, end or a number"]),
        ({"--seed": "-1"}, ["seed -1", "expected 0 to"]),
        ({"--threads": "0"}, ["threads 0", "expected 1 to"]),
        ({"--precision": "fp8"}, []),
        ({"--schedule": "zigzag"}, []),
    ],
)
def test_training_options_that_can_never_be_right(run, options, parts):
    given = {**TRAIN, **options}
    words = [f"{flag}={value}" if flag.startswith("--") else flag for flag, value in given.items() if value is not None]
    words.insert(words.index("-o") + 1, given["-o"])
    one_line(run("train", *words), 2, *parts)
    assert not Path("run").exists(), "nothing may be written before the input is known to be right"


def test_training_data_without_a_place_and_a_net_of_other_images(run):
    one_line(
        run("train", "--model", "net.py:build", "--data", "digits", "-o", "run"), 1, "does not accept these batches"
    )
    one_line(run("train", "--model", "resnet20", "--data", "cifar10", "-o", "run"), 1, "cifar10", "--download")
    small = ["--model", "net.py:build", "--data", "npz:data.npz", "--progressive", "2:1", "-o", "run", "--quiet"]
    one_line(run("train", *small), 2, "progressive 2: the net does not accept images of 2 x 2")
    assert not Path("run").exists()


def test_training_into_what_is_no_run_folder(run):
    Path("mine").mkdir()
    Path("mine/thesis.tex").write_text("x")
    one_line(run("train", "--model", "resnet20", "--data", "digits", "-o", "mine"), 2, "mine", "another -o")
    one_line(run("train", "--model", "resnet20", "--data", "digits", "-o", "net.py"), 1, "net.py", "another -o")
