"""The definition: one step of each cell in NumPy, forward directly above backward."""
