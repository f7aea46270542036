"""Other libraries' networks as ours, and ours as theirs: Keras, torch, ONNX."""
