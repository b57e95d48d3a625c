"""Speed on this machine, side by side with other ways to do the same."""
