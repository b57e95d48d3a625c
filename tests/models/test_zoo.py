"""The zoo: names, parameter counts by independent arithmetic, and all nets recognized again."""

import re

import pytest
import torch

from landscape.errors import UsageError
from landscape.models.recognize import recognize, sizes
from landscape.models.zoo import ZOO, build_zoo

# The names in the model loader of the program of Li et al. 2018.
ORIGINAL = {
    *("vgg9", "densenet121", "resnet20", "resnet56", "resnet110"),
    *(f"resnet{d}{suffix}" for d in (18, 34, 50, 101, 152) for suffix in ("", "_noshort")),
    *(f"resnet{d}_noshort" for d in ("20", "32", "44", "50_16", "56", "110")),
    *("wrn56_2", "wrn56_4", "wrn56_8"),
    *(f"wrn{d}_noshort" for d in ("56_2", "56_4", "56_8", "110_2", "110_4")),
}


def meta(name, **options):
    with torch.device("meta"):
        return build_zoo(name, **options)


def count(model):
    return sum(p.numel() for p in model.parameters())


def test_all_names_of_the_original_are_there():
    assert set(ZOO) >= ORIGINAL and len(ORIGINAL) == 29


def three_stage_count(depth, width, shortcut, classes=10, channels=3):
    """9 c_in c_out per convolution, 2 c per batch norm, written out without any module."""
    total = 9 * channels * width + 2 * width
    c_in = width
    for c in (width, 2 * width, 4 * width):
        for _ in range((depth - 2) // 6):
            total += 9 * c_in * c + 2 * c + 9 * c * c + 2 * c
            if shortcut == "projection" and c_in != c:
                total += c_in * c + 2 * c
            c_in = c
    return total + c_in * classes + classes


@pytest.mark.parametrize(
    "depth, factor, stem",
    [
        (20, 1, "resnet20"),
        (56, 1, "resnet56"),
        (110, 1, "resnet110"),
        (50, 1, "resnet50_16"),
        (56, 4, "wrn56_4"),
        (110, 2, "wrn110_2"),
    ],
)
def test_three_stage_nets_have_the_parameters_of_the_paper(depth, factor, stem):
    for suffix, shortcut in (("", "projection"), ("_a", "padding"), ("_noshort", "none")):
        assert count(meta(stem + suffix)) == three_stage_count(depth, 16 * factor, shortcut)


def test_known_totals():
    # Table 6 of arXiv:1512.03385 has 0.27 M and 0.85 M; 11.17 M and 23.52 M are widely quoted.
    assert count(meta("resnet20_a")) == 269_722
    assert count(meta("resnet56")) == 855_770
    assert count(meta("resnet56_noshort")) == 853_018
    assert count(meta("resnet18")) == 11_173_962
    assert count(meta("resnet50")) == 23_520_842
    assert count(meta("densenet121")) == 6_956_298


def test_vgg9_by_arithmetic():
    convolutions = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 256)]
    expected = sum(9 * i * o + o + 2 * o for i, o in convolutions)
    expected += 256 * 4 * 4 * 256 + 256 + 2 * 256 + 256 * 10 + 10
    assert count(meta("vgg9")) == expected


def test_parameter_names_of_a_residual_net():
    names = list(meta("resnet20").state_dict())
    block = [
        f"{part}.{key}"
        for layer in ("1", "2")
        for part, keys in (
            (f"conv{layer}", ["weight"]),
            (f"bn{layer}", ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]),
        )
        for key in keys
    ]
    norm = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    expected = ["conv1.weight", *(f"bn1.{key}" for key in norm)]
    for stage in (1, 2, 3):
        for number in (0, 1, 2):
            expected += [f"layer{stage}.{number}.{key}" for key in block]
            if stage > 1 and number == 0:
                expected += [f"layer{stage}.0.shortcut.0.weight"]
                expected += [f"layer{stage}.0.shortcut.1.{key}" for key in norm]
    assert names == [*expected, "linear.weight", "linear.bias"]
    without = [name for name in names if ".shortcut." not in name]
    assert list(meta("resnet20_a").state_dict()) == list(meta("resnet20_noshort").state_dict()) == without


def test_parameter_names_of_vgg_and_densenet():
    vgg = [name for name, _ in meta("vgg9").named_parameters() if name.endswith("weight")]
    assert vgg[:6] == [f"features.{n}.weight" for n in (0, 1, 3, 4, 7, 8)]
    assert vgg[-3:] == ["fc.0.weight", "fc.1.weight", "classifier.weight"]
    dense = [name for name, _ in meta("densenet121").named_parameters() if name.endswith("weight")]
    assert dense[:5] == [
        "conv1.weight",
        *(f"dense1.0.{part}.weight" for part in ("bn1", "conv1", "bn2", "conv2")),
    ]
    assert [name for name in dense if name.startswith("trans2")] == ["trans2.bn.weight", "trans2.conv.weight"]
    assert dense[-2:] == ["bn.weight", "linear.weight"]
    assert sum(bool(re.fullmatch(r"dense3\.\d+\.conv2\.weight", name)) for name in dense) == 24


@pytest.mark.parametrize("name", list(ZOO))
def test_every_net_is_read_back_from_its_state_dict(name):
    options = {"num_classes": 7, "in_channels": 2, "image_size": 32}
    state = meta(name, **options).state_dict()
    assert sizes(state).items() <= options.items()
    keywords = ZOO[name].keywords
    if keywords.get("shortcut") == "projection" or "shortcut" not in keywords or len(keywords["blocks"]) == 4:
        assert recognize(state) == (name,)
    else:
        assert name in recognize(state)


@pytest.mark.parametrize("name", ["resnet20", "resnet20_a", "resnet20_noshort", "resnet18_noshort", "vgg9", "vgg16"])
@pytest.mark.parametrize("side, channels", [(8, 1), (28, 1)])
def test_small_images_and_other_class_counts(name, side, channels):
    model = build_zoo(name, num_classes=7, in_channels=channels, image_size=side).eval()
    with torch.no_grad():
        assert model(torch.zeros(2, channels, side, side)).shape == (2, 7)


def test_densenet_forward():
    with torch.no_grad():
        assert build_zoo("densenet_cifar").eval()(torch.zeros(2, 3, 8, 8)).shape == (2, 10)


def test_an_unknown_name_is_answered_with_near_ones():
    with pytest.raises(UsageError, match="did you mean resnet56_noshort") as raised:
        build_zoo("resnet56_noshrt")
    assert "torchvision:NAME" in str(raised.value) and "\n" not in str(raised.value)
    with pytest.raises(UsageError, match="'frog' is unknown"):
        build_zoo("frog")
