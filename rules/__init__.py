"""The rules that turn a completion into a reward, as a profile says.

The path of a completion, file by file:

    reward          `Scorer`: examines a completion, then settles its reward given the labels
    formatting      the format: `grammar` parses it, then the profile's checks, each with its own
                    failure code: `reasoning` (placeholders), `copying` (of instruction or prompt),
                    `repetition` (loops; `tables` are none)
    detectors       what the answer does, by the rules of `stance/` or by a `word_list`; an answer
                    that only repeats the question (`copying`) does nothing
    judge/          asked, if the profile has one, about what the rules leave unclear
    tags            R_tag: the three verdicts against the `labels`
    behavior        R_behavior: the stance of the answer against the label of the combination
    extras          components beside the paper's, off unless the profile gives them a weight

A `profile` and its `profile_sections` are read from `profiles/*.yaml` by `yaml_model`, with the
texts of `instructions/`; `identity` hashes all that decides a reward into its version. `blocks`
keeps the memory for long texts small.
"""
