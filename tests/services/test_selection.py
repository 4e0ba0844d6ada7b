"""Acts on many conversations: all or none, nothing lost, and one undo that needs no memory."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studio.domain.conversation import LONGEST_TEXT, Conversation, Turn
from studio.domain.errors import NotFound, StudioError
from studio.domain.occurrences import Wanted
from studio.domain.persona import Persona
from studio.services.library import Library
from studio.services.selection import Chosen, new_op


def lines(*texts):
    return [Turn(f"t{n}", "model" if n % 2 else "user", text) for n, text in enumerate(texts)]


@pytest.fixture
def biscuit(library):
    return library.create(Persona("Biscuit"))


@pytest.fixture
def marlow(library):
    return library.create(Persona("Marlow"))


def titled(library, persona, *titles):
    """Conversations in this order of the list."""
    return library.add_many(persona, [Conversation("", title, tuple(lines(f"Hello {title}?", "Biscuit here."))) for title in titles])


def titles(library, persona):
    return [one.title for one in library.conversations(persona)]


def seen(library, *personas):
    """All that a writer sees of these characters' conversations, and what is in the bin."""
    return [(library.conversations(one), [gone[:2] for gone in library.removed(one)]) for one in personas]


def all_places(found):
    return [Chosen(one.id, one.rev, frozenset(range(len(one.places)))) for one in found]


def test_tags_are_added_and_taken_off_and_undone_at_once(library, biscuit):
    one, two, three = titled(library, biscuit, "One", "Two", "Three")
    library.selection.tag(new_op(), [one], ["Rain"])
    before, op = seen(library, biscuit), new_op()
    assert library.selection.tag(op, [one, two], ["rain", " night "], ["nowhere"]) == 2
    assert [c.tags for c in library.conversations(biscuit)] == [("Rain", "night"), ("rain", "night"), ()]
    assert library.selection.about([one, two, three]).tags in ({"Rain": 2, "night": 2}, {"rain": 2, "night": 2})
    undone = library.selection.undo(op)
    assert (undone.back, undone.changed, undone.homeless) == (2, 0, 0)
    assert seen(library, biscuit) == before


def test_what_has_it_already_gets_no_new_version(library, biscuit):
    one, two = titled(library, biscuit, "One", "Two")
    assert library.selection.flag(new_op(), [one], "finished") == 1
    op = new_op()
    assert library.selection.flag(op, [one, two, two], "finished") == 1
    assert [library.load(i)["rev"] for i in (one, two)] == [2, 2]
    assert library.selection.about([one, two]).flags == {"finished": 2}
    library.selection.undo(op)
    assert [c.flag for c in library.conversations(biscuit)] == ["finished", ""]


def test_a_move_keeps_the_order_and_every_word_in_both_plain_copies(library, biscuit, marlow):
    one, two, three = titled(library, biscuit, "One", "Two", "Three")
    titled(library, marlow, "Old")
    library.flush()
    before, op = seen(library, biscuit, marlow), new_op()
    assert library.selection.move(op, [three, one], marlow) == 2
    assert (titles(library, biscuit), titles(library, marlow)) == (["Two"], ["One", "Three", "Old"])
    library.flush()
    copies = {folder.name.split("--")[1]: (folder / "conversations.jsonl").read_text() for folder in library.home.glob("personas/*")}
    assert ("Hello One?" in copies[biscuit], "Hello One?" in copies[marlow]) == (False, True)
    assert library.load(one)["persona"] == marlow
    library.selection.undo(op)
    assert seen(library, biscuit, marlow) == before
    library.flush()
    assert "Hello Three?" in next(library.home.glob(f"personas/*--{biscuit}/conversations.jsonl")).read_text()


def test_a_moved_conversation_is_rebuilt_where_it_was_moved_to(library, biscuit, marlow):
    one, two = titled(library, biscuit, "One", "Two")
    library.flush()
    library.selection.move(new_op(), [one], marlow)
    library.close()
    (library.home / "studio.db").unlink()
    again = Library(library.home, library.home / "no-examples")
    assert (titles(again, biscuit), titles(again, marlow)) == (["Two"], ["One"])
    again.close()


def test_what_is_moved_to_the_bin_comes_back_to_its_place(library, biscuit):
    one, two, three = titled(library, biscuit, "One", "Two", "Three")
    op = new_op()
    assert library.selection.bin(op, [one, three]) == 2
    assert titles(library, biscuit) == ["Two"]
    assert {title for _, title, _ in library.removed(biscuit)} == {"One", "Three"}
    assert library.selection.undo(op).back == 2
    assert titles(library, biscuit) == ["One", "Two", "Three"]


def test_an_undo_outlives_the_studio_and_can_itself_be_undone(library, biscuit):
    ids = titled(library, biscuit, "One", "Two")
    op = new_op()
    library.selection.tag(op, ids, ["rain"])
    library.close()
    again = Library(library.home, library.home / "no-examples")
    undone = again.selection.undo(op)
    assert (undone.back, [c.tags for c in again.conversations(biscuit)]) == (2, [(), ()])
    redone = again.selection.undo(undone.op)
    assert (redone.op, redone.back, [c.tags for c in again.conversations(biscuit)]) == (op, 2, [("rain",)] * 2)
    assert again.selection.undo(op).back == 2
    assert [c.tags for c in again.conversations(biscuit)] == [(), ()]
    again.close()


def test_what_was_written_in_since_is_left_alone_and_counted(library, biscuit):
    one, two, three = titled(library, biscuit, "One", "Two", "Three")
    op = new_op()
    library.selection.tag(op, [one, two, three], ["rain"])
    turns = [turn.to_dict() for turn in lines("Newer.", "Words.")]
    assert library.save(one, library.load(one)["rev"], "a" * 16, "One", turns)["ok"]
    library.remove(three)
    undone = library.selection.undo(op)
    assert (undone.back, undone.changed) == (1, 2)
    loaded = library.load(one)
    assert (loaded["tags"], loaded["turns"]) == (["rain"], turns)
    assert library.selection.undo(op) == undone  # once more, because its answer was lost


def test_what_belonged_to_a_deleted_character_stays_where_it_is(library, biscuit, marlow):
    one, two = titled(library, biscuit, "One", "Two")
    op = new_op()
    library.selection.move(op, [one, two], marlow)
    library.delete(biscuit)
    undone = library.selection.undo(op)
    assert (undone.back, undone.changed, undone.homeless) == (0, 0, 2)
    assert titles(library, marlow) == ["One", "Two"]


def test_a_repeated_act_changes_nothing(library, biscuit, marlow):
    one, two = titled(library, biscuit, "One", "Two")
    tagged, moved, binned = new_op(), new_op(), new_op()
    assert [library.selection.tag(tagged, [one], ["rain"]) for _ in range(2)] == [1, 1]
    assert [library.selection.move(moved, [one], marlow) for _ in range(2)] == [1, 1]
    assert [library.selection.bin(binned, [one, two]) for _ in range(2)] == [2, 2]
    assert library.history(one)["revisions"][0]["rev"] == 4


@pytest.mark.parametrize(
    "act",
    [
        lambda s, ids, who: s.tag(new_op(), ids, ["rain"]),
        lambda s, ids, who: s.flag(new_op(), ids, "finished"),
        lambda s, ids, who: s.move(new_op(), ids, who),
        lambda s, ids, who: s.bin(new_op(), ids),
        lambda s, ids, who: s.find(ids, Wanted("Hello")),
        lambda s, ids, who: s.about(ids),
        lambda s, ids, who: s.replace(new_op(), [Chosen(i, 1, frozenset({0})) for i in ids], Wanted("Hello"), "Hi"),
    ],
)
@pytest.mark.parametrize("lost", ["conversation", "character", "nothing of the kind"])
def test_where_one_is_not_there_nothing_is_changed(library, biscuit, marlow, act, lost):
    ids = titled(library, biscuit, "One", "Two")
    (away,) = titled(library, library.create(Persona("Away")), "Three")
    if lost == "conversation":
        library.remove(away)
    elif lost == "character":
        library.delete(library.load(away)["persona"])
    before = seen(library, biscuit, marlow)
    with pytest.raises(NotFound, match="Nothing was changed"):
        act(library.selection, [*ids, marlow if lost == "nothing of the kind" else away], marlow)
    assert seen(library, biscuit, marlow) == before
    assert [library.load(i)["rev"] for i in ids] == [1, 1]


def test_nobody_can_be_given_conversations_who_is_not_there(library, biscuit):
    with pytest.raises(NotFound, match="Nothing was moved"):
        library.selection.move(new_op(), titled(library, biscuit, "One"), "nobody")


def test_a_tag_that_cannot_be_kept_changes_nothing(library, biscuit):
    ids = titled(library, biscuit, "One", "Two")
    for bad in ("", "a,b", "x" * 61, "\ud800"):
        with pytest.raises(StudioError):
            library.selection.tag(new_op(), ids, ["rain", bad])
    assert [c.tags for c in library.conversations(biscuit)] == [(), ()]


def test_an_act_without_a_name_is_a_defect(library, biscuit):
    ids = titled(library, biscuit, "One")
    for act in (
        lambda: library.selection.tag("", ids, ["rain"]),
        lambda: library.selection.undo(""),
        lambda: library.selection.undo("a" * 16),
    ):
        with pytest.raises(ValueError, match="names no act"):
            act()


def test_every_place_is_found_and_only_the_chosen_ones_are_replaced(library, biscuit):
    ids = titled(library, biscuit, "Biscuit", "Two")
    found = library.selection.find(ids, Wanted("biscuit"))
    assert [(one.id, one.rev, [at.line for at in one.places]) for one in found] == [(ids[0], 1, [0, 1, 2]), (ids[1], 1, [2])]
    op = new_op()
    assert (
        library.selection.replace(op, [Chosen(ids[0], 1, frozenset({0, 2})), Chosen(ids[1], 1, frozenset({0}))], Wanted("biscuit"), "Rex")
        == 2
    )
    one, two = library.conversations(biscuit)
    assert (one.title, *(turn.text for turn in one.turns)) == ("Rex", "Hello Biscuit?", "Rex here.")
    assert two.turns[1].text == "Rex here."
    assert library.listing(biscuit, "rex")["total"] == 2
    library.selection.undo(op)
    assert [one.title for one in library.conversations(biscuit)] == ["Biscuit", "Two"]


def test_what_changed_after_looking_is_refused_with_all_the_others(library, biscuit):
    one, two = titled(library, biscuit, "One", "Two")
    found = library.selection.find([one, two], Wanted("Biscuit"))
    library.selection.tag(new_op(), [two], ["rain"])
    with pytest.raises(StudioError, match="“Two” was changed since you looked. Nothing was replaced."):
        library.selection.replace(new_op(), all_places(found), Wanted("Biscuit"), "Rex")
    assert [c.turns[1].text for c in library.conversations(biscuit)] == ["Biscuit here."] * 2


def test_a_line_that_would_be_too_long_is_refused_with_all_the_others(library, biscuit):
    (one,) = titled(library, biscuit, "One")
    long = library.add(biscuit, "Long", lines("aa" * (LONGEST_TEXT // 2)))
    found = library.selection.find([one, long], Wanted("a"))
    with pytest.raises(StudioError, match="Nothing was replaced. “Long”: Line 1 is longer than 100,000 characters"):
        library.selection.replace(new_op(), all_places(found), Wanted("a"), "bb")
    assert library.load(one)["rev"] == 1


def test_more_places_than_can_be_looked_at_are_refused(library, biscuit):
    both = [library.add(biscuit, "Long", lines("a" * LONGEST_TEXT)) for _ in range(2)]
    with pytest.raises(StudioError, match="more than 100,000 places"):
        library.selection.find(both, Wanted("a"))


ACTS = st.lists(
    st.tuples(st.sampled_from(["tag", "untag", "flag", "move", "bin", "replace", "undo"]), st.sets(st.integers(0, 4)), st.integers(0, 2)),
    min_size=1,
    max_size=8,
)


def do(library, cast, ops, act, ids, n):
    """One act on those of these that are there; its name."""
    here = [i for i in ids if library.load(i)["ok"]]
    op, many = new_op(), library.selection
    if act == "tag":
        many.tag(op, here, [("rain", "Rain", "night")[n]])
    elif act == "untag":
        many.tag(op, here, [], [("RAIN", "night", "none")[n]])
    elif act == "flag":
        many.flag(op, here, ("", "needs work", "finished")[n])
    elif act == "move":
        many.move(op, here, cast[n % 2])
    elif act == "bin":
        many.bin(op, here)
    elif act == "replace":
        many.replace(op, all_places(many.find(here, Wanted("s"))), Wanted("s"), ("", "ss", "ß")[n])
    else:
        return many.undo(ops[-1]).op if ops else op
    return op


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(ACTS)
def test_undoing_the_last_act_restores_exactly_what_was(library, acts):
    cast = [library.create(Persona(name)) for name in ("Biscuit", "Marlow")]
    ids, ops = titled(library, cast[0], "One s", "Two", "Straße", "Vier", "Fünf s"), []
    for act, chosen, n in acts:
        before = seen(library, *cast)
        ops.append(do(library, cast, ops, act, [ids[i] for i in sorted(chosen)], n))
        after = seen(library, *cast)
    back = library.selection.undo(ops[-1])
    assert seen(library, *cast) == before
    assert back.changed == 0
    library.selection.undo(back.op)
    assert seen(library, *cast) == after
    assert sum(len(there) + len(gone) for there, gone in seen(library, *cast)) == 5
    for one in cast:
        library.delete(one)
