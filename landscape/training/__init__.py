"""Training nets: the trainer, what it keeps in a run folder, and how it goes on after a stop."""
