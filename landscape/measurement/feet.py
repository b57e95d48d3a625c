"""The losses of the nets of a training path, and of their feet on a plane: the nearest points of it.

Owns: moving a subject to a net, with everything that belongs to it, and back to the plane. A path seldom lies in a plane, so the
contour lines under it show the losses of its feet; both together say how far the picture can be believed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from landscape.measurement.evaluate import quantity_of
from landscape.measurement.measurement import Undivided, Values
from landscape.members import named_buffers, named_parameters
from landscape.quantity import Quantity
from landscape.slice.slice import Coords, Slice
from landscape.slice.trajectory import Trajectory
from landscape.slice.trajectory_nets import read_net
from landscape.subject.subject import Subject
from landscape.sweep.sampler import Point

FOOT = "foot_"


class Feet(Undivided):
    """At point k: the metrics of net k of the paths, one after the other, and with the prefix FOOT those of its foot.

    The net has its own batch-norm statistics and all its other tensors; the foot those of the plane.
    """

    def __init__(self, subject: Subject, plane: Slice, paths: Sequence[Trajectory], feet: Sequence[Coords]):
        """`feet`: the coordinates of each net's foot on the plane."""
        self.subject, self._plane, self._feet = subject, plane, list(feet)
        self._nets = [(path, number) for path in paths for number in range(len(path.nets))]
        model = subject.objective.model
        self._own = dict(named_parameters(model)) | dict(named_buffers(model))
        inside = set(subject.objective.layout.names)
        self._resting = {name: tensor.detach().clone() for name, tensor in self._own.items() if name not in inside}

    def evaluate(self, point: Point) -> Values:
        if torch.get_num_threads() != self.subject.threads:  # the count is a property of the calling thread
            torch.set_num_threads(self.subject.threads)
        objective = self.subject.objective
        path, number = self._nets[point.index]
        try:
            self._put(read_net(path, number, self.subject.net).tensors)
            own = objective.evaluate()
        finally:
            self._put(self._resting)
        self._plane.at(self._feet[point.index], out=objective.weights)
        self._put(self._plane.buffers(self._feet[point.index]))
        foot = objective.evaluate()
        values = {name: value for name, value in own.items() if not name.startswith("stderr/")}
        return values | {FOOT + name: value for name, value in foot.items() if not name.startswith("stderr/")}

    def quantity(self, name: str) -> Quantity:
        return quantity_of(self.subject.objective, name.removeprefix(FOOT))

    def _put(self, tensors: Mapping[str, Tensor]) -> None:
        with torch.no_grad():
            for name, tensor in tensors.items():
                if name in self._own:
                    self._own[name].data.copy_(tensor)
