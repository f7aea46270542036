"""Steps that change values and can change them back, splits and windows: learned on the training rows alone."""
