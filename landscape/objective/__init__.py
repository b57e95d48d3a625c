"""Model + data + loss -> named numbers at given weights. Knows no grid, no file and no MPI."""
