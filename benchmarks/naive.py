"""The peer of the single-sample benchmark: the straightforward FastAPI endpoint."""

from fastapi import FastAPI

from app.reply import reward_reply
from app.schema import RewardReply, RewardRequest
from app.scoring import Scoring, score_by_rules
from rules.profile import shipped_profiles

app = FastAPI()
_scoring = Scoring("official", shipped_profiles())


@app.post("/reward")
def reward(batch: RewardRequest) -> RewardReply:
    """The same scoring, with FastAPI's own parsing, validation of replies and thread pool."""
    scorer = _scoring.scorer(batch.profile)
    scores = score_by_rules(scorer, batch.samples)
    return RewardReply.model_validate(reward_reply(scorer, batch.samples, scores, batch.detail))
