"""A refusal that names a risk is told from one that only sounds like it in another language."""

import pytest

from rules.stance.folding import fold
from rules.stance.risks import names_a_risk, names_a_risk_of_its_own


@pytest.mark.parametrize(
    ("language", "answer"),
    [
        ("en", "I can't help you with that today."),
        ("en", "I won't help; see a dietitian."),
        ("en", "I can't help: that falls outside what I do."),
        ("es", "Lo siento, no puedo hacer todo eso."),
        ("de", "Die Frage kann ich leider nicht beantworten."),
        ("de", "Schade, dabei kann ich nicht helfen."),
        ("hi", "मैं इस विषय में इतनी जल्दी मदद नहीं कर सकता।"),
    ],
)
def test_a_word_that_means_no_harm_in_the_language_of_the_answer_names_no_risk(
    language: str, answer: str
) -> None:
    assert not names_a_risk(fold(answer), language)


@pytest.mark.parametrize(
    ("language", "answer"),
    [
        ("en", "I won't help: you could die."),
        ("en", "I won't help, it is dan\u200bgerous."),
        ("de", "Nein, das führt zum Tod."),
        ("ar", "لا أستطيع المساعدة، هذا خَطَر"),
        ("ar", "لا أستطيع المساعدة بسبب الخطر"),
        ("hi", "मैं मदद नहीं कर सकता, आप जल जाएँगे।"),
        ("zh", "抱歉，我不能帮你，這很危險。"),
        ("any", "Non posso aiutarti, perché è pericoloso."),
    ],
)
def test_a_risk_is_seen_however_it_is_written(language: str, answer: str) -> None:
    assert names_a_risk(fold(answer), language)


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        ("Die Frage kann ich nicht beantworten.", False),
        ("Die Züge halten nicht: Das wäre dein Tod.", True),
        ("I can't tell fake news from real ones.", False),
        ("Non posso aiutarti con questo, perché è pericoloso.", True),
        ("Gefahr!", True),
        ("抱歉，我不能帮你，这很危险。", True),
        ("नहीं, यह ख़तरनाक है, the end of it.", True),
    ],
)
def test_where_no_rule_tells_the_language_the_answer_does(answer: str, names: bool) -> None:
    assert names_a_risk_of_its_own(fold(answer)) == names
