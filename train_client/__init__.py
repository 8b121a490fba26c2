"""A GRPO client: samples from a vision-language policy, has it scored over HTTP, learns.

The packages, in the order in which data flows through a step:

    config          what a run is, checked before anything is loaded
    data            rows become examples, and examples the prompts of a step
    policy          the model that learns, and log-probabilities under it
    rollout         samples a group of completions for each prompt
    reward          has them scored by the service
    learning        advantages, losses, and the update of the policy
    report          metrics, pictures, progress, the safety table
    saved           what a later run resumes from
    run             prepares these and puts them together: the loop, a step, an evaluation

Imports run one way:

    config ← distributed ← policy ← data ← rollout, learning ← saved ← run
    run ← world ← demo, generate ← cli

`rollout` and `learning` do not know each other. `reward` knows `config` alone, and `report` only
`distributed` besides. `integrations` are for other trainers: they know `reward` and `config`.
"""
