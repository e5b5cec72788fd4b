"""Layers, losses, optimizers and training."""
