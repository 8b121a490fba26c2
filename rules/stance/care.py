"""Words with which a real refusal continues: reasons, alternatives, who helps (`care.yaml`)."""

from collections.abc import Set
from functools import cache

from pydantic import model_validator

from rules.stance.word_files import ByLanguage, Words, load_file
from rules.stance.word_prefixes import WordPrefixes
from rules.yaml_model import YamlModel


class CareFile(YamlModel):
    """The word prefixes of `care.yaml`, which says what each list is for."""

    care: ByLanguage[Words]
    itself: ByLanguage[Words]
    weak: ByLanguage[Words]

    @model_validator(mode="after")
    def _tell_of_the_same_languages(self) -> "CareFile":
        for name, listed in (("itself", self.itself), ("weak", self.weak)):
            if other := sorted(listed.keys() ^ self.care.keys()):
                raise ValueError(f"{name} and care must have the same languages, unlike {other[0]}")
        for code, words in self.weak.items():
            for word in words:
                if word not in self.care[code] + self.itself[code]:
                    raise ValueError(f"weak.{code}: {word!r} is in neither care nor itself")
        return self


def is_known(languages: Set[str]) -> bool:
    """Whether words of care are known in one of `languages` (codes)."""
    return not languages.isdisjoint(care_words()["care"].languages)


def shows_care(folded: str, languages: Set[str]) -> bool:
    """Whether the folded text has a word of a reason, an alternative or a source of help.

    In one of `languages` (codes), or in any known language if none of them is known.
    """
    return care_words()["care"].occur_in(folded, languages)


def explains(folded: str, languages: Set[str]) -> bool:
    """Whether the folded text has a word of care that no recipe would use, or speaks of itself.

    In one of `languages` (codes), or in any known language if none of them is known.
    """
    return care_words()["explaining"].occur_in(folded, languages)


@cache
def care_words() -> dict[str, WordPrefixes]:
    """The words of each kind; `explaining` leaves out those that instructions use too."""
    listed = load_file(CareFile, "care.yaml")
    explaining = {
        code: [word for word in words + listed.itself[code] if word not in listed.weak[code]]
        for code, words in listed.care.items()
    }
    return {"care": WordPrefixes(listed.care), "explaining": WordPrefixes(explaining)}
