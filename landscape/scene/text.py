"""How numbers, models and data sets are written on a figure.

Owns: short number forms and readable names. Knows nothing of scenes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath
from string import ascii_lowercase

import numpy as np

_FAMILIES = (
    (r"resnet(\d+)", r"ResNet-\1"),
    (r"wrn(\d+)_(\d+)", r"WRN-\1-\2"),
    (r"vgg(\d+)", r"VGG-\1"),
    (r"densenet(\d+)", r"DenseNet-\1"),
)
_DATA = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "mnist": "MNIST", "imagenet": "ImageNet", "svhn": "SVHN"}
# Containers of data in memory, whose names say nothing of the data.
CONTAINERS = ("dict", "list", "tuple", "generator", "DataLoader", "TensorDataset", "Subset", "ConcatDataset")
# A float64 has no more; labels have as many as neighbours need.
MOST_DIGITS = 17
_NEGATIVE = re.compile(r"(?<![^\s(\[,])-(?=\.?\d)")
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def short(value: float, digits: int = 3) -> str:
    """A number in few characters, as it stands in a sentence.

    >>> [short(v) for v in (0, 0.05, 425.339, 31000, 3.14159e7, -2e-5)]
    ['0', '0.05', '425', '31000', '3.14e7', '-2e-5']
    """
    value = float(value)
    if not np.isfinite(value):
        return str(value)
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    power = int(exponent)
    if value == 0 or -4 < power < 5:
        # Significant digits to the right of the point only: 12345 keeps all of its own.
        text = f"{float(f'{mantissa}e{exponent}'):.{max(0, digits - 1 - power)}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return "0" if value == 0 else text
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}e{power}"


def typeset(text: str) -> str:
    """A short number as printed beside an axis: 3e7 becomes 3×10⁷, and the minus sign is as wide as a plus.

    >>> typeset("1e7"), typeset("3e-5"), typeset("-2")
    ('10⁷', '3×10⁻⁵', '−2')
    """
    mantissa, _, power = text.partition("e")
    if not power:
        return text.replace("-", "−")
    power = "10" + power.translate(_SUPERSCRIPTS)
    sign = "−" if mantissa.startswith("-") else ""
    mantissa = mantissa.lstrip("-")
    return sign + (power if mantissa == "1" else f"{mantissa}×{power}")


def with_minus(text: str) -> str:
    """The text with the minus sign before numbers that is as wide as a plus.

    >>> with_minus("train loss -1.23 in [-1, 1], run-2 of 2020-01-02")
    'train loss −1.23 in [−1, 1], run-2 of 2020-01-02'
    """
    return _NEGATIVE.sub("−", text)


def labels_of(values: Iterable[float], *, percent: bool = False) -> tuple[str, ...]:
    """One printed label per value, with as few digits as keep neighbours apart."""
    values = [100 * v for v in values] if percent else list(values)
    texts: list[str] = []
    for digits in range(2, MOST_DIGITS):
        texts = [short(v, digits) for v in values]
        exact = all(np.isclose(float(t), v, rtol=1e-6, atol=0) for t, v in zip(texts, values, strict=True))
        if (exact or digits >= 3) and len(set(texts)) == len(set(values)):
            break
    return tuple(typeset(t) + (" %" if percent else "") for t in texts)


def panel_letter(number: int) -> str:
    """What panel `number`, from 0, is called.

    >>> panel_letter(0), panel_letter(27)
    ('(a)', '(ab)')
    """
    letters = ""
    while number >= 0:
        letters = ascii_lowercase[number % 26] + letters
        number = number // 26 - 1
    return f"({letters})"


def value_text(value: float, *, percent: bool = False) -> str:
    """A value as it stands in a sentence: "0.0123" or "93.4 %"."""
    if percent and np.isfinite(value):
        return f"{100 * value:.2f}".rstrip("0").rstrip(".") + " %"
    return short(value)


def model_label(name: str) -> str:
    """`resnet56_noshort` -> "ResNet-56 without shortcuts"; an unknown name is unchanged."""
    plain = name.removesuffix("_noshort")
    for pattern, form in _FAMILIES:
        if re.fullmatch(pattern, plain):
            label = re.sub(pattern, form, plain)
            return label + " without shortcuts" if name != plain else label
    return name


def data_label(name: str) -> str:
    """A data set as people write it; of a path, its last part. What is named after its container alone has no name: "".

    >>> data_label("cifar10"), data_label("/data/my/cifar10-jpeg")
    ('CIFAR-10', 'cifar10-jpeg')
    """
    return "" if name in CONTAINERS else _DATA.get(name) or PurePath(name).name or name


# Names of functions that say nothing of the data.
_UNTOLD = (
    *("data", "get_data", "load_data", "make_data", "dataset", "get_dataset"),
    *("load", "make", "loader", "loaders", "splits"),
)
# file.py:function or package.module:function; the data of `folder:PATH` and its like are stored by their path
_FUNCTION = re.compile(r"(?:.*\.py|[A-Za-z_][\w.]*):([A-Za-z_]\w*)")


def data_title(name: str) -> str:
    """A data set in a title, where a function of the user's goes by its own name, or by its file's if that says more.

    >>> data_title("my_net.py:pairs"), data_title("project.data:pairs"), data_title("cifar10"), data_title("DataLoader")
    ('pairs', 'pairs', 'CIFAR-10', '')
    >>> data_title("code/my_task.py:data"), data_title("project.birds:get_data")
    ('my_task', 'birds')
    """
    if (spec := _FUNCTION.fullmatch(name)) is None:
        return data_label(name)
    if spec.group(1).lower() not in _UNTOLD:
        return spec.group(1)
    return PurePath(name.rpartition(":")[0].removesuffix(".py").replace(".", "/")).name
