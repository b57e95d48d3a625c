"""What a user can ask for: one row for each option, from which the shell and Python signatures are both made."""
