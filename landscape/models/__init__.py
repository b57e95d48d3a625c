"""The nets: the zoo of Li et al. 2018, nets by name, and recognition of a net by its state dict.

Owns: architectures and their parameter names (`resnet.py`, `vgg.py`, `densenet.py`), the table of names
(`zoo.py`), `--model` specs (`resolve.py`) and recognition without a name (`recognize.py`, `choose.py`). Knows no
data, no loss and no file format.
"""
