"""The topology of results: basins, the passes between them, and which of these the errors leave standing."""
