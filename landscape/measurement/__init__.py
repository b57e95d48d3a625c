"""What is computed at a point of a slice: small dicts of numbers, and the rows that say what they are."""
