"""Speed on this machine, side by side with other implementations."""
