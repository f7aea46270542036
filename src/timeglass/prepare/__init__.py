"""Scaling and windows, each with its inverse."""
