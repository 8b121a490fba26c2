"""What a run shows: its metrics, in files, loggers and pictures, its progress, the safety table."""
