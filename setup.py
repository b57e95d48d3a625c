"""The one build step that pyproject.toml cannot express: the nets of the demo travel inside the package.

Owns: which nets. A checkout has them in checkpoints/ only; a wheel has a copy in landscape/data/nets/, where
`landscape.checkpoint.shipped` looks first.
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
NETS = ("resnet56_digits.pt", "resnet56_noshort_digits.pt")


class BuildWithNets(build_py):
    def run(self) -> None:
        super().run()
        if self.editable_mode:  # imports come from the checkout, which has checkpoints/
            return
        target = Path(self.build_lib) / "landscape" / "data" / "nets"
        self.mkpath(str(target))
        for name in NETS:
            self.copy_file(str(HERE / "checkpoints" / name), str(target / name))


setup(cmdclass={"build_py": BuildWithNets})
