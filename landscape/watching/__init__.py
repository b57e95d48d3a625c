"""A run in progress, seen from outside: its state as a page on this machine and as text. Reads files only, and writes none."""
