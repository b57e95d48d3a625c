"""Which points, where, by whom: samplers, executors and the one loop. Knows numpy, not torch; MPI only in mpi.py."""
