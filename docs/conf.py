"""Sphinx, for the pages that docs/staging/ has written: ./scripts/site runs both. Nothing is fetched from the network."""

import inspect
import re

from docutils import nodes

import landscape
from landscape.cli.parser import find
from landscape.commands import COMMANDS

project = "landscape"
author = "the landscape developers"
copyright = "the landscape developers, MIT"
version = release = landscape.__version__
extensions = ["myst_parser", "sphinx_design", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["attrs_block", "colon_fence"]
myst_heading_anchors = 4
default_role = "code"
autodoc_typehints = "none"
napoleon_numpy_docstring = False
smartquotes = False
html_theme = "furo"
html_title = "landscape"
html_static_path = ["static"]
html_extra_path = ["../build/extra"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False


def _titles() -> set[str]:
    return {row.group for name in COMMANDS for row in find(name).rows if row.group}


# napoleon takes a heading of words alone: "Options (net):" becomes "net:"
napoleon_custom_sections = [("options", "params_style"), *((title, "params_style") for title in sorted(_titles()))]


def plain_headings(app, what, name, obj, options, lines):
    """The groups of options as sections, and their texts, which are no reStructuredText, letter by letter."""
    inside = False
    for number, line in enumerate(lines):
        heading = re.fullmatch(r"Options(?: \((.*)\))?:", line)
        inside = inside or bool(heading)
        if heading:
            lines[number] = f"{heading[1] or 'options'}:"
        elif inside:
            lines[number] = re.sub(r"([*|\\]|_\b)", r"\\\1", line)


def short_signature(app, what, name, obj, options, signature, returns):
    """A command as `surface(checkpoint=None, **options)`: its options follow in groups."""
    if name.removeprefix("landscape.") not in COMMANDS:
        return None
    own = [each for each in inspect.signature(obj).parameters.values() if each.kind is not each.KEYWORD_ONLY]
    plain = [str(each.replace(annotation=each.empty)) for each in own]
    return f"({', '.join([*plain, '**options'])})", None


def with_dashes(app, doctree):
    """Between a parameter and its text a dash; no other `--` is one, as most are options."""
    for text in list(doctree.findall(nodes.Text)):
        if text == " -- ":
            text.parent.replace(text, nodes.Text(" \u2013 "))


def setup(app):
    app.connect("doctree-read", with_dashes)
    app.connect("autodoc-process-docstring", plain_headings, priority=400)  # before napoleon
    app.connect("autodoc-process-signature", short_signature)
