"""The reward service over HTTP, and the command `safegrpo`.

The path of a request, file by file:

    connection      the client's connection and its time limits
    gate            request id, API key, metrics, log line; requests without samples go to `server`
    service         a scoring request: `body` and `compression` read it, `protocol` and
                    `protocols/` translate it, `query` completes it, `scoring` scores it,
                    `reply` answers
    admission       bounds what is held at a time (429)
    turns           the queue to the scoring thread

`commands/serve` reads the `settings` and starts `processes`: one, or several under a `supervisor`;
`lifespan` is what each goes through. `metrics` counts into the `metric_families`, by way of `tally`
and the folder of `shared_counts`, where `open_groups` puts `groups` together; `exposition` adds up
the processes.
"""
