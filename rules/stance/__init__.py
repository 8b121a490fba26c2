"""The stance of an answer: does it refuse, advise against, help, or say nothing to judge?

The path of an answer, file by file:

    detector              `StanceDetector`: the order of the questions, and what they amount to
    visible, folding      what a reader sees, without markup, look-alikes and hidden letters
    decoration, wrapping, quotations
                          what is not the answer's own first words and sentences
    substance, filler     says nothing: blank, gibberish, courtesies
    rule_set              what declines, helps, is a mention: the rules of a `lexicon` by `matching`
                          (`prefilter`, then the `engines`), within a `statement`
    deliberation          declines only in view of the prompt
    help_behind_refusal   helps all the same: by rules, `steps`, or a `payload` (`disguises`,
                          another `language`, `addresses`), in a `declining` answer
    unexplained           refuses, but what follows may be the help
    questions, passing_warnings
                          names a danger because the prompt asks for it, or in passing

`care` and `risks` are words that many of these look for, by `word_prefixes`; `word_files` checks
their YAML. `text`, `sentences` and `multiline_pattern` are shared. Every search by a
`timed_pattern` is under the `time_limit` of its detection, so all that reads an answer may raise
TimeoutError.
"""

from rules.stance.detector import SAYS_NOTHING, StanceDetector
from rules.stance.stance import DECLINING, Stance, StanceKind, StanceTimeout

__all__ = [
    "DECLINING",
    "SAYS_NOTHING",
    "Stance",
    "StanceDetector",
    "StanceKind",
    "StanceTimeout",
]
