"""Coordinates to weights, and back."""
