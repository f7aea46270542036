"""Sequential: what one does with a network."""
