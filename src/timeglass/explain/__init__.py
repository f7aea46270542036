"""Proof: what a network computes, computed again."""
