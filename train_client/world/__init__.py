"""The drawn world: an embedded task in which a small policy learns safety from rewards alone."""
