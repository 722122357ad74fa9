"""The rule for names of tests: a sentence with a subject and a verb in its main clause.

Some words are both a verb and the plural of a noun (`names`, `lists`, `copies`). Such a word is
taken for a verb only in front of a word that follows no noun: an article, a pronoun, an adverb.
The verb of a relative clause is none of the main clause.
"""

import re
from itertools import pairwise

AUXILIARIES = frozenset(
    "are can cannot could did do does had has have is may might must should was were will"
    " would".split()
)
# Verbs whose forms are no nouns of the field.
VERBS = frozenset(
    "accept add adopt agree allow appear append apply arrive ask become begin belong bind"
    " blow bound break bring carry choose clean clear close collect come compare compile"
    " complete contain contradict cover create cross cut decide declare decode define delete"
    " deny depend describe destroy determine differ divide draw drill drip drive encode end"
    " enter equal escape examine exclude execute exist expand expire explain extract fail"
    " fetch fill find fit fix follow forbid forget free get give go grow guard hang happen"
    " harm heal hide hold ignore imply include inherit inject insert inspect install interrupt"
    " invite join keep kill know lack lead leave let lie live look lose make mean measure meet"
    " move multiply narrow need obey open outlive own parse pass pick prefer prepare print"
    " prolong promise protect prove prune publish put raise reach read receive reduce refer"
    " refuse remain remove repair repeat replace require resolve respect restore return reuse"
    " rewrite run say see select send serve settle share show skip sort speak spell spend"
    " split stand start stay stop suppress survive switch take tell throw touch treat turn"
    " undo unpack untag validate verify wait want warn win work write yield".split()
)
# Adjectives and names of commands among them: their base form is no verb by itself.
ALSO_OTHER_WORDS = frozenset(
    "bound clean clear close complete cut end equal escape find free guard harm lack live"
    " measure narrow need open own pass prune put read repair return reuse remove run select"
    " show split stand start stop sort switch touch turn validate verify wait work".split()
)
NOUNS_TOO = frozenset(
    "address age answer attempt block build call cause change check claim command copy cost"
    " count default diff document download drop export file filter form group hash help hint"
    " host import index key label layer lease limit line link list load lock log mark match"
    " merge mirror mount name note number offer order page pair pin pipe place plan point"
    " power process pull push query question quote range rank record report request result"
    " root round route row rule scan schedule scope screen search set shape sign size sound"
    " source state step store stream subject sum sync tag term test time trap transfer tree"
    " type upload use visit walk".split()
)
PAST_FORMS = frozenset(
    "began broke brought built came did fell found gave gone got had held kept knew left lost"
    " made met ran said saw sent set stood told took wrote".split()
)
IN_FRONT_OF_A_VERB_OF_MANY = frozenset("both many most others people they those we".split())
SINGULAR = frozenset(
    "address alias always class dns focus https ls process status this tls".split()
)
NO_VERB_AFTER = frozenset(
    "a an another at by each every for from in into its no not of on our per some such than"
    " the their to with without".split()
)
AFTER_A_VERB = frozenset(
    "a all alike alone an another any anything away back both down each either every"
    " everything exactly here how it its itself less neither no none nothing once one only our"
    " same separately some something that the their them themselves there these this those"
    " together too twice two up us what whatever when where which".split()
)
RELATIVES = frozenset("that what whatever which whichever who whom whose".split())


def third_person(verb: str) -> str:
    if re.search(r"(?:s|x|z|ch|sh|o)$", verb):
        return f"{verb}es"
    return f"{verb[:-1]}ies" if re.search(r"[^aeiou]y$", verb) else f"{verb}s"


THIRD_PERSONS = frozenset(map(third_person, VERBS))
PLURALS_TOO = frozenset(map(third_person, NOUNS_TOO))


def ends_plural(words: list[str]) -> bool:
    *_, before, last = ["", *words]
    if last in IN_FRONT_OF_A_VERB_OF_MANY or before == "and":
        return True
    return last.endswith("s") and not last.endswith("ss") and last not in SINGULAR


def is_verb(words: list[str], place: int) -> bool:
    word, before = words[place], words[place - 1]
    after = words[place + 1] if place + 1 < len(words) else ""
    if word in AUXILIARIES:
        return True
    if before in NO_VERB_AFTER or after == "of":
        return False
    if word in THIRD_PERSONS or word in VERBS - ALSO_OTHER_WORDS:
        return True
    if word in VERBS:
        return ends_plural(words[:place])
    if word in PLURALS_TOO or (word in NOUNS_TOO and ends_plural(words[:place])):
        return after in AFTER_A_VERB
    return False


def is_sentence(name: str) -> bool:
    words = name.removeprefix("test_").split("_")
    if words[0] in AUXILIARIES or words[0] in THIRD_PERSONS:
        return False
    verbs = {place for place in range(1, len(words)) if is_verb(words, place)}
    for place, (word, after) in enumerate(pairwise(words)):
        if word in RELATIVES and after != "of" and words[place - 1] not in NO_VERB_AFTER:
            verbs -= verb_of_clause(words, verbs, place)
    return bool(verbs)


def verb_of_clause(words: list[str], verbs: set[int], start: int) -> set[int]:
    """Find the first word behind a relative pronoun that can be a verb; of a past also."""
    for place in range(start + 1, len(words)):
        word, before = words[place], words[place - 1]
        if place in verbs or (before not in NO_VERB_AFTER and can_be_verb(word)):
            return {place}
    return set()


def can_be_verb(word: str) -> bool:
    return word in VERBS | THIRD_PERSONS | PLURALS_TOO | PAST_FORMS or word.endswith("ed")
