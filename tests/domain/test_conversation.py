"""A line as it is stored: what is as usual is left out, what an older studio wrote reads the same, and what can't be is refused."""

import pytest

from studio.domain import conversation
from studio.domain.conversation import Conversation, Turn

OLD = '{"tags":["rain"],"title":"Rain","turns":[{"drafted":true,"id":"a","others":["Wet.","Hm."],"role":"model","text":"Drip."}]}'


def test_a_record_of_before_each_version_had_its_own_mark_reads_and_writes_unchanged():
    read = conversation.from_body("x", OLD)
    assert read.turns == (Turn("a", "model", "Drip.", ("Wet.", "Hm."), True),)
    assert read.body() == OLD


def test_each_version_keeps_its_own_mark():
    spoken = Conversation("x", "Rain", (Turn("a", "model", "Drip.", ("Wet.", "Hm."), False, (1,)),))
    assert spoken.turns[0].to_dict() == {"id": "a", "role": "model", "text": "Drip.", "others": ["Wet.", "Hm."], "drafts": [1]}
    assert conversation.from_body("x", spoken.body()) == spoken


@pytest.mark.parametrize("drafts", [[2], [-1], [1, 0], [0, 0], [True], ["0"], 0, None, {"0": True}])
def test_a_mark_on_a_version_that_is_not_there_is_refused(drafts):
    line = {"id": "a", "role": "model", "text": "Drip.", "others": ["Wet.", "Hm."], "drafts": drafts}
    assert conversation.fault("Rain", [line]) == "Line 1 marks a version as drafted that it does not have."
    assert conversation.fault("Rain", [{**line, "drafts": [0, 1]}]) == ""
