"""Data sets and preprocessing -> tensors resident on the device, or a stream when they do not fit."""
