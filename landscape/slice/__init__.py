"""Coordinates -> parameters."""
