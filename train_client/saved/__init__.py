"""What a run leaves in its folder for a later one: policies, checkpoints, its configuration."""
