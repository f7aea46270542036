"""Losses, optimisers and the three engines."""
