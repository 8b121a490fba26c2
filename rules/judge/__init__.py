"""A judge, where rules end: a language model behind an OpenAI-compatible endpoint."""

from rules.judge.client import Judge, JudgeError, Question, authorization
from rules.judge.settings import JudgeSettings

__all__ = ["Judge", "JudgeError", "JudgeSettings", "Question", "authorization"]
