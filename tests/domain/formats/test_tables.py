"""Tables in text: what stands between cells is found out, and every row knows its number, and its line where that is another."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.domain.formats import tables
from studio.domain.formats.found import Skipped


def read(content, name="dog.csv"):
    return [str(r) if isinstance(r, Skipped) else (r.where, r.value) for r in tables.rows(name, content)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_what_stands_between_cells_is_found_out(delimiter, end):
    content = end.join([delimiter.join(row) for row in (("prompt", "response"), ("Hello", "Woof"), ('"a\nb"', '"c ""d"""'), ("x", "y"))])
    assert tables.columns(content) == ("prompt", "response")
    assert read(content) == [
        ("dog.csv, row 2", {"prompt": "Hello", "response": "Woof"}),
        ("dog.csv, row 3", {"prompt": "a\nb", "response": 'c "d"'}),
        ("dog.csv, row 4, line 5", {"prompt": "x", "response": "y"}),
    ]


def test_excel_may_name_what_stands_between():
    assert read("sep=;\r\nprompt, as asked;response\r\na;b\r\n") == [("dog.csv, row 2, line 3", {"prompt, as asked": "a", "response": "b"})]


def test_empty_rows_and_missing_cells():
    assert read("\nprompt,response\n,\n\na\n") == [("dog.csv, row 5", {"prompt": "a", "response": ""})]


def test_a_comma_without_quotation_marks_is_noticed():
    assert read("prompt,response\nWell, no,yes\na,b,\n") == [
        "dog.csv, row 2: there are 3 cells, and only 2 columns have a name. "
        "Put quotation marks around a text that holds a comma, a semicolon or a tab.",
        ("dog.csv, row 3", {"prompt": "a", "response": "b"}),
    ]


def test_a_quotation_mark_that_is_never_closed_is_noticed():
    assert read('prompt,response\na,b\nc,"d\ne,f\n')[1:] == [
        "dog.csv, row 3, response: a quotation mark is opened here and never closed. "
        "Close it, and write every quotation mark inside a text twice."
    ]


def test_a_cell_longer_than_python_reads_by_itself():
    assert read(f"prompt,response\n{'x' * 200_000},b\n")[0][1]["prompt"] == "x" * 200_000


def test_zero_characters_and_other_lines_ends_inside_cells():
    assert read('prompt,response\na\0b,"c\u2028d\x85e\x1cf"\n')[0][1] == {"prompt": "a\0b", "response": "c\u2028d\x85e\x1cf"}


CELL = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=6), st.sampled_from(",;\t"))
def test_any_cells_come_back(pairs, delimiter):
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([("prompt", "response"), *pairs])
    expected = [{"prompt": a, "response": b} for a, b in pairs if a.strip() or b.strip()]
    assert [value for _, value in read(file.getvalue())] == expected
