"""The nets: the zoo of Li et al. 2018, how a name becomes a net, and how a state dict tells its own.

Owns: architectures and their parameter names (`resnet.py`, `vgg.py`, `densenet.py`), the table of names
(`zoo.py`), `--model` specs (`resolve.py`) and recognition without a name (`recognize.py`, `choose.py`). Knows no
data, no loss and no file format.
"""
