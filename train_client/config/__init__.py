"""What a run is: the configuration, its sections, and what is refused in it."""
