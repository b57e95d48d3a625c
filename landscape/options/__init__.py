"""The options of all commands: one row each, from which the shell and Python signatures are both made."""
