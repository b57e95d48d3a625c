"""Training of nets: the trainer, its data, and the run folder, from which a stopped run continues."""
