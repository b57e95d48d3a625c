"""Files of trained nets -> `Checkpoint`. Reads only: no file that a user brings is ever opened for writing."""
