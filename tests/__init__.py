"""The tests. A package, because some trainers install one of this name that would hide it."""
