"""`landscape spectrum`: what the parts say of one matrix agrees, is kept as it comes, and is the same on several ranks."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import landscape as ll
from landscape.cli.main import main
from landscape.errors import LandscapeError, SurfaceFileError, UsageError
from landscape.recipes.plot import plot
from landscape.recipes.spectrum import lines
from landscape.scene.build import build_scene
from landscape.surfaces.spectrum import Block, Density, Spectrum, is_spectrum, load_spectrum, write_spectrum

OPTIONS = {"model": "net.py:build", "data": "npz:data.npz", "normalize": "digits", "threads": 1, "quiet": True}
SMALL = {"probes": 2, "steps": 15, "trace_products": 9, "top": 2, "bottom": 2}


def test_the_parts_agree(here):
    found = ll.spectrum("net.pt", probes=8, steps=50, trace_products=90, **OPTIONS).whole
    density = found.density
    assert density.weights.sum(axis=1) == pytest.approx(1.0)
    rows = (density.weights * density.nodes).sum(axis=1) * (1 - len(found.values) / found.dimension)
    means = found.dimension * (rows + found.values.sum() / found.dimension)
    spread = means.std(ddof=1) / 8**0.5
    assert abs(density.mean() * found.dimension - found.trace) <= 4 * (spread + found.trace_stderr)
    assert found.values[0] < 0 < found.values[-1] and (np.diff(found.values) >= 0).all()
    share, error = found.negative(0.001)
    assert 0 < share < 1 and 0 < error < 0.2


def test_blocks_of_layers_lie_within_the_whole(here):
    """Cauchy's interlacing: a block has no eigenvalue beyond those of the whole matrix."""
    found = ll.spectrum("net.pt", per="layer", tolerance=1e-4, **{**SMALL, "probes": 0}, **OPTIONS)
    assert list(found.blocks) == ["all parameters", "0", "4"]
    whole = found.whole
    assert whole.dimension == sum(block.dimension for block in list(found.blocks.values())[1:])
    traces = [block.trace for block in found.blocks.values()]
    errors = [block.trace_stderr for block in found.blocks.values()]
    assert abs(traces[0] - sum(traces[1:])) <= 5 * sum(errors)
    for block in list(found.blocks.values())[1:]:
        assert whole.values[0] * 1.001 <= block.values[0] and block.values[-1] <= whole.values[-1] * 1.001


def test_the_first_line_says_which_parameters_count(here):
    few = {**SMALL, "probes": 0, "trace_products": 0, **OPTIONS}
    said = [lines(ll.spectrum("net.pt", ignore=ignore, **few), {})[1] for ignore in ("biasbn", "none", "0.weight")]
    words = [line.partition(")")[0].partition("(")[2].partition("; ")[2] for line in said]
    assert words == ["those of more than one dimension", "", "all but those matching 0.weight"]


def test_gauss_newton_has_no_negative_eigenvalue(here):
    found = ll.spectrum("net.pt", matrix="ggn", **SMALL, **OPTIONS)
    assert found.whole.values[0] > -1e-3 * found.whole.values[-1]
    assert found.whole.negative(0.001)[0] == pytest.approx(0.0, abs=1e-6)


def test_critical_sharpness_is_the_curvature_along_the_gradient_as_far_as_the_loss_is_quadratic(here):
    found = ll.spectrum("net.pt", sharpness=True, **{**SMALL, "probes": 0, "trace_products": 0}, **OPTIONS).whole
    assert 0 < found.sharpness < 2 * found.values[-1]


def test_the_sharpness_leaves_batch_norm_as_it_was_for_what_comes_after(here):
    options = {**SMALL, **OPTIONS, "batchnorm": "recompute"}
    plain, other = ll.spectrum("net.pt", **options), ll.spectrum("net.pt", sharpness=True, **options)
    np.testing.assert_allclose(plain.whole.nodes, other.whole.nodes, rtol=1e-4, atol=1e-5)


def test_a_file_is_kept_read_and_not_computed_again(here):
    first = ll.spectrum("net.pt", out="s.h5", sharpness=True, **SMALL, **OPTIONS)
    read = ll.load_spectrum("s.h5")
    assert is_spectrum("s.h5") and not is_spectrum("net.pt") and not is_spectrum("gone.h5")
    for name in ("values", "errors", "nodes", "weights"):
        np.testing.assert_array_equal(getattr(first.whole, name), getattr(read.whole, name))
    assert read.whole.trace == first.whole.trace and read.whole.products == first.whole.products
    again = ll.spectrum("net.pt", out="s.h5", sharpness=True, **SMALL, **OPTIONS)
    assert again.whole.products == first.whole.products, "nothing was done again"


def test_what_is_missing_is_added(here):
    """A file that was left with one probe done goes on with the other, to the same result."""
    whole = ll.spectrum("net.pt", out="s.h5", **SMALL, **OPTIONS)
    block = whole.whole
    nodes, weights = block.nodes.copy(), block.weights.copy()
    nodes[1], weights[1] = np.nan, np.nan
    cut = Block(block.name, block.dimension, block.values, block.errors, nodes, weights, products=5)
    assert len(cut.density.nodes) == 1 and np.isnan(cut.trace)
    write_spectrum(Spectrum({block.name: cut}, whole.provenance), "s.h5")
    again = ll.spectrum("net.pt", out="s.h5", **SMALL, **OPTIONS)
    np.testing.assert_allclose(again.whole.nodes, block.nodes, rtol=1e-4, atol=1e-5)
    assert again.whole.trace == pytest.approx(block.trace, rel=1e-4)


def test_another_run_in_the_same_file_is_refused(here):
    ll.spectrum("net.pt", out="s.h5", **SMALL, **OPTIONS)
    with pytest.raises(SurfaceFileError, match="spectrum.matrix is hessian in the file, ggn now"):
        ll.spectrum("net.pt", out="s.h5", matrix="ggn", **SMALL, **OPTIONS)
    with pytest.raises(SurfaceFileError, match="checkpoint.sha256"):
        ll.spectrum("other.pt", out="s.h5", **SMALL, **OPTIONS)
    found = ll.spectrum("net.pt", out="s.h5", matrix="ggn", overwrite=True, **SMALL, **OPTIONS)
    assert found.provenance["spectrum"]["matrix"] == "ggn"


def test_the_eigenvectors_of_both_ends_are_directions(here):
    found = ll.spectrum("net.pt", out="s.h5", save_directions=True, tolerance=1e-4, **SMALL, **OPTIONS).whole
    line = ll.line("net.pt", x="-0.01:0.01:3", directions="s.directions.h5", precision="fp64", **OPTIONS)
    loss = line.values["train_loss"]
    along = (loss[0] - 2 * loss[1] + loss[2]) / 1e-4
    assert along == pytest.approx(found.values[-1], rel=0.05)


def test_two_ranks_find_the_same(here, command):
    arguments = ["--model", "net.py:build", "--data", "npz:data.npz", "--normalize", "digits", "--threads", "1"]
    arguments += ["--probes", "2", "--steps", "15", "--trace-products", "9", "--top", "2", "--bottom", "2", "--quiet"]
    assert main(["spectrum", "net.pt", *arguments, "-o", "1.h5"]) == 0
    done = command("spectrum", "net.pt", *arguments, "-o", "2.h5", ranks=2)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("2.h5: hessian at the weights") == 1
    one, two = load_spectrum("1.h5").whole, load_spectrum("2.h5").whole
    np.testing.assert_allclose(one.values, two.values, rtol=1e-4)
    np.testing.assert_allclose(one.nodes, two.nodes, rtol=1e-3, atol=1e-4)
    assert one.trace == pytest.approx(two.trace, rel=1e-4)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"matrix": "fisher"}, "matrix 'fisher'"),
        ({"per": "filter"}, "per 'filter': expected net or layer"),
        ({"top": -1}, "top -1: expected 0 to"),
        ({"top": 0, "bottom": 0}, "at least one of both"),
        ({"steps": 1}, "steps: at least 2"),
        ({"tolerance": 2.0}, "tolerance 2"),
        ({"index": -0.1}, "index -0.1"),
        ({"split": ["train", "test"]}, "expected one split"),
        ({"save_directions": True}, "save-directions needs out"),
        ({"save_directions": True, "out": "s.h5", "bottom": 0}, "save-directions needs out, top and bottom"),
    ],
)
def test_bad_input(here, options, words):
    with pytest.raises(UsageError) as error:
        ll.spectrum("net.pt", **{**OPTIONS, **options})
    assert words in str(error.value)


def test_a_damaged_file_is_named(here):
    ll.spectrum("net.pt", out="s.h5", **SMALL, **OPTIONS)
    content = Path("s.h5").read_bytes()
    Path("s.h5").write_bytes(content[: len(content) // 2])
    with pytest.raises(LandscapeError, match="s.h5"):
        ll.load_spectrum("s.h5")


def test_pictures_of_spectra(here):
    ll.spectrum("net.pt", out="s.h5", per="layer", **SMALL, **OPTIONS)
    ll.spectrum("other.pt", out="t.h5", **SMALL, **OPTIONS)
    assert plot("s.h5", out=["a.png", ".html"]) and plot("s.h5", kind="layers", out="b.png")
    assert len(plot(["s.h5", "t.h5"], out="c.png")) == 1, "several spectra lie in one picture"
    assert ll.compare(["s.h5", "t.h5"], out="d.png")
    assert all(os.path.getsize(name) > 5000 for name in ("a.png", "a.html", "b.png", "c.png", "d.png"))
    ll.surface("net.pt", x="-1:1:3", y="-1:1:3", out="p.h5", **OPTIONS)
    for files, kind, words in (
        (["s.h5"], "contour", "is a spectrum"),
        (["p.h5"], "spectrum", "landscape spectrum wrote"),
        (["s.h5", "p.h5"], None, "compare it with other surfaces, not with spectra"),
    ):
        with pytest.raises(UsageError, match=words):
            ll.compare(files * (2 if len(files) == 1 else 1), kind=kind, out="e.png")
    facts = ll.info("s.h5")
    assert facts["kind"] == "spectrum" and list(facts["blocks"]) == ["all parameters", "0", "4"]


def test_the_density_of_a_whole_spectrum_is_counted():
    density = Density(np.zeros((1, 1)), np.zeros((1, 1)), np.array([-2.0, 1.0, 4.0]), 3)
    assert density.mean() == pytest.approx(1.0)
    assert density.share_below(0.0)[0] == pytest.approx(1 / 3)


class Branches(nn.Module):
    """A net with a branch that is not used, one of dead units, and one below no_grad, all of them frozen."""

    def __init__(self):
        super().__init__()
        self.used, self.unused, self.dead, self.cut = nn.Linear(3, 2), nn.Linear(3, 2), nn.Linear(3, 2), nn.Linear(3, 2)
        nn.init.constant_(self.dead.bias, -100.0)
        for rests in (self.unused, self.dead, self.cut):
            rests.requires_grad_(False)

    def forward(self, x):
        with torch.no_grad():
            shift = self.cut(x)
        return self.used(x) + self.dead(x).relu() + shift


@pytest.mark.parametrize("products", ["graph", "differences"])
def test_a_layer_without_gradient_is_a_named_block_of_zeros_and_the_others_are_computed(products, capsys):
    torch.manual_seed(0)
    net, x = Branches().double(), torch.randn(9, 3, dtype=torch.float64)
    y = torch.arange(9) % 2
    found = ll.spectrum(
        model=net, data=[(x, y)], per="layer", top=1, bottom=1, probes=1, steps=3, trace_products=3, precision="fp64",
        tolerance=1e-6, threads=1, products=products,
    )  # fmt: skip
    said = capsys.readouterr().err
    assert "does not use unused: a block of zeros" in said and "gradients do not reach cut (no_grad or detach)" in said
    assert list(found.blocks) == ["all parameters", "used", "unused", "dead", "cut"]
    zeros = [name for name, block in found.blocks.items() if block.is_zero]
    assert zeros == ["unused", "dead", "cut"]
    assert [line.strip() for line in lines(found, {}) if "of zeros" in line] == [
        f"{name} (6): 0, 0 (a block of zeros)" for name in zeros
    ]
    assert "blocks of zeros: unused, dead and cut" in build_scene(found, kind="layers").views[0].notes

    def loss(weight):
        shift = net.cut(x).detach()
        return nn.functional.cross_entropy(nn.functional.linear(x, weight, net.used.bias) + shift, y)

    dense = torch.autograd.functional.hessian(loss, net.used.weight.detach()).reshape(6, 6)
    largest = float(torch.linalg.eigvalsh(dense)[-1])
    assert found.blocks["used"].values[-1] == pytest.approx(largest, rel=1e-5)
    assert found.whole.values[-1] == pytest.approx(largest, rel=1e-5)
