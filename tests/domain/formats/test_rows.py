"""JSON becomes rows with the line they stand on, whatever is wrong with one of them."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.domain.formats import rows
from studio.domain.formats.found import Skipped

A, B = {"prompt": "a"}, {"prompt": "b"}


def read(content, name="dog.jsonl"):
    """What comes out: (line and what follows it, value), and sentences."""
    return [str(r) if isinstance(r, Skipped) else (r.where.removeprefix(f"{name}, line "), r.value) for r in rows.values(name, content)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n", ",\n"])
def test_one_row_a_line(end):
    seen = read(json.dumps(A) + end + json.dumps(B) + end)
    assert [value for _, value in seen] == [A, B]
    assert [where for where, _ in seen] == ["1", "3" if end == "\n\n" else "2"]


def test_only_a_line_feed_ends_a_line():
    line = '{"prompt": "a\u2028b\u0085c\x1cd\te"}'
    assert read(line + "\n" + line) == [("1", {"prompt": "a\u2028b\u0085c\x1cd\te"}), ("2", {"prompt": "a\u2028b\u0085c\x1cd\te"})]


@pytest.mark.parametrize("indent", [None, 0, 1, 4])
def test_a_list_of_rows(indent):
    seen = read(json.dumps([A, B], indent=indent))
    assert [value for _, value in seen] == [A, B]
    assert [where.split(", ")[1] for where, _ in seen] == ["entry 1", "entry 2"]


@pytest.mark.parametrize("key", ["data", "train", "rows", "conversations"])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_list_of_rows_inside_an_object(key, indent):
    row = {"messages": [{"role": "user", "content": "Hello."}]}
    wrapped = {"version": {"n": 1}, key: [row, row], "made": [1]}
    assert [value for _, value in read(json.dumps(wrapped, indent=indent))] == [row, row]


def test_several_lists_of_rows_inside_an_object():
    assert [value for _, value in read(json.dumps({"train": [A], "test": [B], "n": 2}))] == [A, B]


def test_the_lines_of_one_conversation_are_not_rows():
    one = {"conversations": [{"from": "human", "value": "Hello."}]}
    assert read(json.dumps(one)) == [("1", one)]
    assert read(json.dumps(one["conversations"])) == [("1", one["conversations"])]
    assert read('["Hello.", "Woof."]\n["Sit.", "No."]') == [("1", ["Hello.", "Woof."]), ("2", ["Sit.", "No."])]


def test_rows_as_the_data_set_viewer_hands_them_out():
    assert [value for _, value in read(json.dumps({"features": [], "rows": [{"row_idx": 0, "row": A, "truncated_cells": []}]}))] == [A]


@pytest.mark.parametrize("indent", [0, 2])
def test_objects_over_many_lines_one_after_another(indent):
    pages = [{"messages": [{"role": "user", "content": str(n)} for n in range(40)]} for _ in range(5)]
    assert [value for _, value in read("\n".join(json.dumps(page, indent=indent) for page in pages))] == pages


BROKEN = {
    "a comma": ('{"prompt": "a" "x": 1}', "a comma or a bracket is missing", "column 16, at “prompt”"),
    "cut": ('{"prompt": "a', "a text has no quotation mark at its end", "column 12, at “prompt”"),
    "single quotes": ("{'prompt': 'a'}", "a name in double quotation marks is missing", "column 2"),
    "nothing": ('{"prompt": }', "a value is missing", "column 12, at “prompt”"),
    "a colon": ('{"prompt" "a"}', "a colon is missing", "column 11"),
    "a backslash": ('{"prompt": "\\q"}', "a backslash stands where it means nothing", "column 13, at “prompt”"),
    "words": ("Once upon a time", "a value is missing", "column 1"),
}


@pytest.mark.parametrize(("line", "why", "place"), BROKEN.values(), ids=BROKEN)
def test_a_broken_line_costs_only_itself_and_tells_column_and_field(line, why, place):
    assert read(f"{json.dumps(A)}\n{line}\n{json.dumps(B)}") == [
        ("1", A),
        f"dog.jsonl, line 2, {place}: this can't be read as JSON: {why}. Mend it, or remove it.",
        ("3", B),
    ]


@pytest.mark.parametrize("between", [",\n", ", ", ",\n  "])
@pytest.mark.parametrize("line", [line for line, _, _ in list(BROKEN.values())[:6]], ids=list(BROKEN)[:6])
def test_a_broken_entry_of_a_list_costs_only_itself(line, between):
    seen = read(f"[{json.dumps(A)}{between}{line}{between}{json.dumps(B)}]")
    if between == ", " and line.startswith("{'"):  # nothing tells where such an entry ends
        assert seen[0][1] == A and seen[1].endswith("What comes after it was not read.")
    else:
        assert [r[1] for r in seen if isinstance(r, tuple)] == [A, B]
        assert sum(isinstance(r, str) for r in seen) == 1


def test_a_file_that_was_cut_keeps_what_is_whole():
    page = json.dumps([A, B, A], indent=2)
    seen = read(page[: page.rindex('"a"')])
    assert [r[1] for r in seen[:2]] == [A, B]
    assert seen[2].startswith(
        "dog.jsonl, line 9, column 14, at “prompt”, entry 3: this can't be read as JSON: a value is missing. Mend it."
    )


def test_a_row_whose_end_is_missing_is_named_by_its_own_line():
    missing = "this can't be read as JSON: a value is missing. Mend it, or remove it."
    assert read(f'{json.dumps(A)}\n{{"messages": [\n{json.dumps(B)}\n{json.dumps(A)}') == [
        ("1", A),
        f"dog.jsonl, line 2, column 15, at “messages”: {missing}",
        ("3", B),
        ("4", A),
    ]


def test_a_hundred_thousand_brackets():
    deep = "brackets stand inside brackets more than 60 times."
    assert read("[" * 100_000)[0].startswith("dog.jsonl, line 1, column 62, entry 1: " + deep)
    assert read('{"a":' * 100_000 + f"\n{json.dumps(B)}") == [
        f"dog.jsonl, line 1, column 301, at “a”: {deep} Mend it, or remove it.",
        ("2", B),
    ]
    assert read(f'{{"a": {"[" * 70}{"]" * 70}}}\n{json.dumps(B)}') == [
        f"dog.jsonl, line 1, column 66, at “a”: {deep} Mend it, or remove it.",
        ("2", B),
    ]


def test_a_number_of_five_thousand_digits_where_it_does_not_matter():
    assert read(f'{{"n": {"1" * 5000}, "prompt": "a"}}')[0][1]["prompt"] == "a"


def test_numbers_that_are_none_and_names_that_come_twice():
    assert read('{"prompt": "x", "prompt": "a", "n": NaN, "m": -Infinity}')[0][1]["prompt"] == "a"


def test_a_tab_is_a_character_but_a_line_break_inside_a_text_is_not():
    assert read('{"prompt": "a\tb\0c"}') == [("1", {"prompt": "a\tb\0c"})]
    assert read('{"prompt": "a\nb", "n": 1}') == [
        "dog.jsonl, line 1, column 14, at “prompt”: this can't be read as JSON: a text runs over the end of the line. Mend it. What comes after it was not read."
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.text() | st.integers() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(st.text(), JSON, min_size=1, max_size=3), min_size=1, max_size=5), st.booleans())
def test_any_rows_come_back_one_a_line(given_rows, ascii_only):
    text = "\n".join(json.dumps({"id": 0, **row}, ensure_ascii=ascii_only) for row in given_rows)
    assert [value for _, value in read(text)] == [{"id": 0, **row} for row in given_rows]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(st.text(), JSON, max_size=3), min_size=1, max_size=5), st.sampled_from([None, 0, 1, 4]))
def test_any_rows_come_back_from_a_list(given_rows, indent):
    listed = [{"id": n, **row} for n, row in enumerate(given_rows)]
    assert [value for _, value in read(json.dumps(listed, indent=indent))] == listed


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet='[]{}",:\\ \n1a', max_size=80))
def test_any_text_ends(content):
    for result in rows.values("dog.jsonl", content):
        assert (str(result) if isinstance(result, Skipped) else result.where).startswith("dog.jsonl, line ")


@pytest.mark.parametrize("between", ["\n", ", "])
@pytest.mark.parametrize(
    "harm", [lambda row: row, lambda row: row[:-4], lambda row: row.replace('"', "'"), lambda row: "{" + row], ids=range(4)
)
def test_no_harm_makes_reading_slow(between, harm):
    rows_ = [json.dumps({"prompt": "word " * 100, "response": "word " * 100}) for _ in range(4_000)]
    content = between.join(harm(row) if n % 2 else row for n, row in enumerate(rows_))
    start = time.process_time()
    count = sum(1 for _ in rows.values("dog.jsonl", content if between == "\n" else f"[{content}]"))
    assert count
    assert time.process_time() - start < 3
