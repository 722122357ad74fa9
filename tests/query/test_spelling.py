"""Nearest known value to a mistyped one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedb.query.spelling import nearest_value

WORDS = st.text("abcdeé-_.", min_size=4, max_size=20)


@pytest.mark.parametrize(
    ("typed", "known", "near"),
    [
        pytest.param("amr64", ["amd64", "arm64", "arm"], "arm64", id="a swap before a letter"),
        pytest.param("amr", ["amd", "arm"], "arm", id="a swap in a short word"),
        pytest.param("linx", ["linux", "windows"], "linux", id="a missing letter"),
        pytest.param("linuxx", ["linux"], "linux", id="a letter too many"),
        pytest.param("LINUX", ["linux"], "linux", id="case"),
        pytest.param("ngnix", ["nginx"], "nginx", id="a swap of neighbours"),
        pytest.param("postgresl", ["postgresql", "mysql"], "postgresql", id="a long word"),
        pytest.param("postgesl", ["postgresql"], "postgresql", id="two edits"),
        pytest.param("bash", ["dash"], None, id="another first letter"),
        pytest.param("tar", ["tag"], None, id="another letter in a short word"),
        pytest.param("1.25.3", ["1.25.4", "1.25"], None, id="another version"),
        pytest.param("libssl3", ["libssl1"], None, id="another major version"),
        pytest.param("library/redis", ["library/nginx"], None, id="another name in a path"),
        pytest.param("windows", ["linux"], None, id="another word"),
        pytest.param("x", [], None, id="nothing known"),
    ],
)
def test_a_misspelling_is_near_and_another_word_is_not(
    typed: str, known: list[str], near: str | None
) -> None:
    assert nearest_value(typed, known) == near


@given(WORDS, st.data())
def test_one_edit_behind_the_first_letter_is_corrected(word: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(1, len(word) - 1))
    edit = data.draw(st.sampled_from(["drop", "double", "swap"]))
    if edit == "drop" and len(word) > 4:
        typed = word[:place] + word[place + 1 :]
    elif edit == "swap" and place + 1 < len(word):
        typed = word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    else:
        typed = word[: place + 1] + word[place:]

    assert nearest_value(typed, ["0123", word]) == word
    assert nearest_value(word, [typed, word]) == word


@given(st.text(max_size=30), st.lists(st.text(max_size=30)))
def test_a_correction_is_one_of_the_known_values(typed: str, known: list[str]) -> None:
    assert nearest_value(typed, known) in {*known, None}
