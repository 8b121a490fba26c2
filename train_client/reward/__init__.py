"""The client of the reward service. It knows of no model and imports no PyTorch."""
