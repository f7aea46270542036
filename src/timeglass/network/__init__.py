"""What a network is: layers, architecture, weights, and the chain of its equations."""
