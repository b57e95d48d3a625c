"""The shape of a result in the sense of topology: its basins, the passes between them, and which of these errors leave standing."""
