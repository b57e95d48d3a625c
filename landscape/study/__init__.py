"""The life of a run: set up on all ranks, agree, open or continue the file, compute, and keep what was computed."""
