"""Speed on this machine, side by side with the plain ways to do the same."""
