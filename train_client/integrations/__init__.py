"""Our rewards in other trainers: a callable for each, in the form that its own code calls.

A module a trainer; its docstring is the recipe. None of them imports torch, and what a trainer
pickles holds settings alone: the client is made where the first call happens. The modules are not
named like the trainers, because ms-swift puts a plugin's folder at the head of the import path,
where a `trl.py` would hide TRL.
"""
