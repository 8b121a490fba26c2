"""The reward service over HTTP, and the command `safegrpo`.

A request's way, file by file:

    connection      the client's connection, and how long it may take over what
    gate            request id, key, counts, log line; what is not to be scored goes on to `server`
    service         the steps of one that is: `body` and `encoding` read it, `protocol` and
                    `protocols/` say what it asks for, `scoring` scores it, `reply` answers
    admission       how much of it all is held at a time (429)
    turns           whose turn it is in the scoring thread

`commands/serve` takes the `settings` and starts `processes`: one, or several under a `supervisor`;
`lifespan` is what each goes through. `metrics` are counted in `tally` first, handed over in the
folder of `shared_counts`, and added up over processes by `exposition`.
"""
