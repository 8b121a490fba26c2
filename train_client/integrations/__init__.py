"""The rewards in other trainers: for each a reward function with the signature that it calls.

There is a module for each trainer, whose docstring says how to use it. None of them imports torch.
What a trainer pickles holds settings only, since the client is made at the first call. The modules
are not named like the trainers because ms-swift puts a plugin's folder first in the import path,
where a `trl.py` would hide TRL.
"""
