"""Batches: a score depends on its sample alone."""

from hypothesis import given
from hypothesis import strategies as st

from app.schema import Labels, Sample
from app.scoring import examine, score_by_rules, settle
from rules.profile import load_profile
from rules.reward import Scorer
from tests.rules.completions import HELP, REFUSAL, VERDICTS, completion

SCORER = Scorer(load_profile("safegrpo"))

verdicts = st.sampled_from([*VERDICTS, "maybe"])
answers = st.sampled_from([HELP, REFUSAL, "May I?", ""])
samples = st.builds(
    Sample,
    completion=st.builds(completion, answers, verdicts, verdicts, verdicts) | st.text(max_size=80),
    prompt=st.sampled_from(["", "May I?", "The instruction asks for something."]),
    labels=st.builds(Labels, **dict.fromkeys(Labels.model_fields, st.sampled_from(VERDICTS))),
)


@given(st.lists(samples, max_size=6).flatmap(lambda b: st.tuples(st.just(b), st.permutations(b))))
def test_scores_do_not_depend_on_order_or_company(
    batches: tuple[list[Sample], list[Sample]],
) -> None:
    batch, shuffled = batches
    elsewhere = score_by_rules(Scorer(SCORER.profile), shuffled)
    scores = dict(zip(map(id, shuffled), elsewhere, strict=True))
    together = score_by_rules(SCORER, batch)
    assert [scores[id(one)] for one in batch] == together
    assert [score for one in batch for score in score_by_rules(SCORER, [one])] == together
    assert settle(SCORER, batch, examine(SCORER, batch)) == together
