"""The studio's own table, as it is written, and as it comes back out of somebody's spreadsheet."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.domain.errors import BadFile
from studio.domain.formats import spreadsheet

TABLE = """conversation,title,tags,turn,role,text
1,Rain,"wet, dark",1,user,Hello.
1,Rain,"wet, dark",2,assistant,'=Woof.
2,Sun,,1,user,Hm?
"""


def read(content, character=""):
    result = spreadsheet.read("dog.csv", content.encode(), character)
    return [(c.title, c.tags, [(t.role, t.text) for t in c.turns]) for c in result.conversations], [str(s) for s in result.skipped]


def test_rows_with_one_number_are_a_conversation():
    assert read(TABLE) == (
        [("Rain", ("wet", "dark"), [("user", "Hello."), ("model", "=Woof.")]), ("Sun", (), [("user", "Hm?")])],
        [],
    )


def test_what_each_column_is_taken_for():
    assert spreadsheet.read("dog.csv", TABLE.encode()).mapping == (
        ("conversation", "which rows belong together"),
        ("title", "its title"),
        ("tags", "its tags"),
        ("turn", "the order of its lines"),
        ("role", "who speaks"),
        ("text", "what is said"),
    )


def test_rows_that_were_sorted_find_together():
    first, *lines = TABLE.splitlines(keepends=True)
    assert read(first + "".join(reversed(lines)))[0][1] == read(TABLE)[0][0]


def test_a_spreadsheet_may_leave_out_what_repeats_and_use_other_marks():
    assert read("Conversation;Role;Text\n1;user;Hello.\n;assistant;Woof.\n")[0] == [
        ("Hello.", (), [("user", "Hello."), ("model", "Woof.")])
    ]


def test_names_as_roles():
    assert read("conversation,role,text\n1,Mia,Hello.\n1,Biscuit,Woof.\n", "Biscuit")[0][0][2] == [("user", "Hello."), ("model", "Woof.")]


def test_a_row_that_can_not_be_read_takes_its_conversation_along():
    kept, sentences = read("conversation,role,text\n1,Mia,Hello.\n1,assistant,Woof.\n2,user,Sit.\n3,user,a,b\n3,assistant,c\n")
    assert kept == [("Sit.", (), [("user", "Sit.")])]
    assert sentences == [
        "dog.csv, row 2, role: “Mia” is not known. Write user or assistant there.",
        "dog.csv, row 5: there are 4 cells, and only 3 columns have a name. "
        "Put quotation marks around a text that holds a comma, a semicolon or a tab.",
    ]


def test_another_table_is_refused():
    with pytest.raises(BadFile) as caught:
        read("a,b\n1,2\n")
    assert str(caught.value) == (
        "dog.csv, row 1: the columns of this table are not called conversation, role and text. Name them so in the first row. "
        "Nothing was brought in."
    )


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "'=1", "''=1", "'", "'a", "", "- well"])
def test_no_cell_begins_like_a_formula_and_every_cell_comes_back(cell):
    assert not spreadsheet.guarded(cell).startswith(tuple("=+-@\t\r"))
    assert spreadsheet.unguarded(spreadsheet.guarded(cell)) == cell


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="'=+-@\t\ra", max_size=6))
def test_any_cell_comes_back(cell):
    assert spreadsheet.unguarded(spreadsheet.guarded(cell)) == cell


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('[],"\\ '), max_size=6), max_size=3))
def test_any_tags_come_back(tags):
    assert spreadsheet._tags(spreadsheet.tags_cell(tags)) == tuple(tags)
