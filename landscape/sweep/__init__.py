"""Samplers, executors and the loop that connects them. Knows numpy, not torch; MPI only in mpi.py."""
