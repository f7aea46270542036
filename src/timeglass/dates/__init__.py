"""Dates: how they are written, how often they come, what comes after them, what is missing among them."""
