"""Private things: what leads to a person or a machine is found, and what only looks a little like it is not."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.domain import private
from studio.domain.conversation import Conversation, Turn

FOUND = {
    "email": ["mia@example.com", "Write to a.b+c_d@mail.example.co.uk.", "zoë@exämple.de, yes"],
    "link": ["https://example.com/a?b=c", "see www.example.org", "I read it on example.com.", "(http://x.y)", "Amazon.co.uk/dogs sells it"],
    "account": ["DE89 3704 0044 0532 0130 00", "My account is GB29NWBK60161331926819 AT THE BANK", "FR14 2004 1010 0505 0001 3M02 606, thanks"],
    "card": ["4111 1111 1111 1111", "4111-1111-1111-1111 12/26", "It is 5555555555554444.", "3782 822463 10005"],
    "address": ["192.168.1.17", "It answers at 84.12.7.250.", "fe80::1ff:fe23:4567:890a", "2001:db8:0:0:8:800:200c:417a"],
    "street": [
        "221B Baker Street", "I live at 12 Long Acre Road.", "42 W. 5th Ave, please", "10 Downing Street", "7 Elm St.", "3 Lower Mill lane",
        "12 rue de la Paix", "8, avenue d'Italie", "Lindenstraße 5", "Am Schönen Weg 7a", "Goethe-Platz 3", "Hauptstr. 12", "Calle Mayor 5",
        "Via Roma, 10", "SW1A 2AA", "M1 1AE", "Springfield, IL 62704", "PO Box 12", "P.O. Box 4711",
    ],
    "phone": [
        "+44 20 7946 0958", "+1 (212) 555-0147", "0049 30 1234567", "020 7946 0958", "(020) 7946-0958", "01 42 68 53 00", "01.42.68.53.00",
        "030/1234567", "212-555-0147", "(212) 555-0147", "1 800 555 0199", "call 555-0147", "My number is 5550147.", "Ring me on 555 01 47 please",
        "Tel: 7946 0958", "on 2024-01-15, 020 7946 0958",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in FOUND.items() for text in texts])
def test_what_is_private(kind, text):
    assert private.kinds(text) == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "I am 6 years, 3 months",
        "1, 2, 3, 4, 5, 6, 7",
        "1 2 3 4 5 6 7 8 9 10",
        "10 9 8 7 6 5 4 3 2 1",
        "0 1 2 3 4 5 6 7 8 9",
        "0123456789",
        "call 1 2 3 4 5 6 7",
        "1.2.3.4",
        "version 10.0.19.45",
        "v2.10.19.45",
        "127.0.0.1",
        "2024-01-15",
        "15.01.2024, 15.1.24",
        "01/02/2024 10:30",
        "01.02.2024 10.30",
        "12:30:45",
        "from 1914-1918 to 1939-1945",
        "call me in 2024-2025",
        "It cost $1,234.56.",
        "€ 1.234.567,89",
        "They call 1.000.000 many.",
        "4,112 books and 11,323 pennies",
        "0.123456789",
        "3.14159265358979",
        "ISBN 0-306-40615-2",
        "ISBN 978-3-16-148410-0",
        "my number is 1000000",
        "42 steps down the Street",
        "I walked 5 streets, then a lane.",
        "on 5th Avenue",
        "In 1914 Downing Street was dark.",
        "12 St Bernards",
        "Two Way Street",
        "40 Winks",
        "shelf 20, Lantern Hill",
        "4111 1111 1111 1112",
        "0000 0000 0000 0000",
        "1234 5678 9012 3456",
        "DE89 3704 0044 0532 0130 01",
        "AB12 is where it stands",
        "meet me @ noon",
        "@mia",
        "a.b.c and so.on",
        "Yes.No. Wait.me",
        "It ended.",
        "std::vector a::b",
        "dinner.company",
        "I am 99 % sure, page 212-213",
        "ACDC 4 EVER",
        "A4 5 times",
        "Platz 5",
        "a weg 7",
        "3 place settings",
        "112",
    ],
)
def test_what_is_not(text):
    assert private.kinds(text) == []


def test_a_text_can_hold_several_and_what_one_has_claimed_is_no_other():
    text = "mia@example.com, https://example.com/0301234567, 4111 1111 1111 1111, 84.12.7.250, 10 Downing Street, 020 7946 0958"
    assert private.kinds(text) == ["email", "link", "card", "address", "street", "phone"]


def test_findings_name_every_line_the_visitors_too():
    turns = (
        Turn("1", "user", "Call 020 7946 0958"),
        Turn("2", "model", "No."),
        Turn("3", "user", "?"),
        Turn("4", "model", "+44 20 7946 0958"),
    )
    (only,) = private.read([Conversation("x", "Ring", turns), Conversation("y", "Not", (Turn("1", "user", "7"), Turn("2", "model", "8")))])
    assert (only.kind, only.severity, only.title) == ("phone", "look", "Two lines hold what looks like telephone numbers")
    assert only.places == (("x", "Ring", 0), ("x", "Ring", 3))
    assert only.sentence == "A model can repeat to anybody what it has learned."


def test_nothing_private_is_in_a_finding():
    secret = "mia@example.com"
    assert secret not in str(private.read([Conversation("x", "Title", (Turn("1", "user", secret), Turn("2", "model", secret)))]))


@settings(max_examples=150, deadline=None)
@given(st.text() | st.text("0123456789 .-/()+@:,AaFfStree'") | st.text("0٣5 ²:.-"))
def test_any_text_can_be_read(text):
    found = private.read([Conversation("x", "", (Turn("1", "user", text),))])
    assert {finding.kind for finding in found} == set(private.kinds(text)) <= set(private.TITLES)
    assert all(finding.places == (("x", "", 0),) for finding in found)


@pytest.mark.parametrize(
    "piece", ["1", "1 ", "a@", "a.", ".a", "1.", "1 A ", "A", "12:", "4111 ", "+", "(", "1-2-", "DE89 ", "Via A ", "AA1 ", "www.", "5 St "]
)
def test_long_texts_of_one_sign_end(piece):
    began = time.process_time()
    assert set(private.kinds(piece * (60_000 // len(piece)) + "@ 0 :// .com 1")) <= set(private.TITLES)
    assert time.process_time() - began < 20, "the time grows with the square of the text"


def test_every_private_kind_has_titles_and_a_sign():
    assert {sign.kind for sign in private.SIGNS} == set(private.TITLES) == set(FOUND)
    assert all(sign.near for sign in private.SIGNS[: private.LETTERS])
