from landscape.surfaces.surface import *
from landscape.surfaces.surface import PENDING, DONE, FAILED, INTERPOLATED, Surface, Trail
