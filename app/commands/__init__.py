"""The service's commands, a file each; `register` adds one to the command line."""
