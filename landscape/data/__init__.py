"""Data sets and preprocessing: tensors resident on the device, or streamed when they do not fit."""
