"""A mistake in a file of words is a sentence that names the file and the place."""

from importlib.resources import files

import pytest

from rules.stance import StanceDetector, detector
from rules.stance.care import CareFile
from rules.stance.filler import FillerFile
from rules.stance.lexicon import LexiconError
from rules.stance.risks import RiskFile
from rules.stance.word_files import parse_file
from rules.yaml_model import YamlModel

MODELS: dict[str, type[YamlModel]] = {
    "care.yaml": CareFile,
    "risks.yaml": RiskFile,
    "fillers.yaml": FillerFile,
}


def shipped(name: str) -> str:
    return files("rules.stance").joinpath(name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "before", "after", "message"),
    [
        ("care.yaml", "[reason,", "[reason, reason,", "care.en: 'reason' is listed twice"),
        ("care.yaml", "[reason,", "[reason, no,", r"care.en.1: must be text; .* in quotes"),
        ("care.yaml", "weak:", "care:", "the key 'care' is given twice"),
        ("care.yaml", "weak:", "week:", "there is no key 'week'; did you mean weak?"),
        ("care.yaml", "  de: [grund", "  ed: [grund", "care: there is no language 'ed'; "),
        ("care.yaml", "  de: [ich", "  fa: [ich", "the key 'fa' is given twice"),
        ("care.yaml", "[why,", "[whi,", "weak.en: 'whi' is in neither care nor itself"),
        ("care.yaml", "  hi: [नहीं", "  mul: [नहीं", "weak and care must have the same languages"),
        ("risks.yaml", "[danger,", "[danger, danger,", "languages.en: 'danger' is listed twice"),
        ("risks.yaml", "[danger,", "[danger, no,", r"languages.en.1: must be text; .* in quotes"),
        ("risks.yaml", "  de:", "  en:", "the key 'en' is given twice"),
        ("risks.yaml", "  de:", "  deu:", "no language 'deu'; did you mean de?"),
        ("risks.yaml", "languages:", "language:", "did you mean languages?"),
        (
            "fillers.yaml",
            "  en:\n    - |",
            "  en:\n    - no\n    - |",
            "clauses.en.0: must be text",
        ),
        ("fillers.yaml", "  en:", "  en: []\n  ed:", "clauses.en"),
        ("fillers.yaml", "  reply: >-", "  format: >-", "the key 'format' is given twice"),
        ("fillers.yaml", "  reply: >-", "  replay: >-", "there is no key 'replay'; did you mean"),
        ("fillers.yaml", "person: i m", "person: i i m", "words.person: 'i' is listed twice"),
    ],
)
def test_a_mistake_is_named_with_its_place(
    name: str, before: str, after: str, message: str
) -> None:
    text = shipped(name)
    assert before in text
    with pytest.raises(LexiconError, match=rf"^{name}[: ][\s\S]*{message}"):
        parse_file(MODELS[name], text.replace(before, after, 1), name)


def test_a_mistake_is_an_error_before_the_first_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong() -> object:
        raise LexiconError("risks.yaml: languages.en: 'danger' is listed twice.")

    monkeypatch.setattr(detector, "_WORD_FILES", (wrong,))
    with pytest.raises(LexiconError, match="listed twice"):
        StanceDetector(["en"])
