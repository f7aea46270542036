"""The compiled kernel: found, loaded and called."""
