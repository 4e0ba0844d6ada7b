"""Forty everyday questions for reading: how the practice model answers, before a lesson and after.

    python tests/benchmarks/everyday.py [--adapter FOLDER] [--json FILE]

Prints each answer and counts what a machine can count: answers that loop, and answers that stand word for word in the examples. Whether an answer
is grammatical, on topic and in character is for a reader to say. Greedy, one turn each. No question stands in the practice text.
"""

import argparse
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HERE))

from studio.domain import dataset, persona, smalltalk  # noqa: E402
from studio.domain.conversation import Turn  # noqa: E402
from studio.engine.generator import Speaker  # noqa: E402

QUESTIONS = (
    "Hello there, nice to meet you!", "Do you have a name I can use?", "How old are you now?", "In which house do you live?", "What did you have for breakfast yesterday?",
    "Which food do you like the most?", "Can we play with the ball?", "Do you want to play hide and seek with me?", "What is your best game?",
    "My cat is hiding under the bed.", "Do you like birds?", "What is a cow eating all day?", "It is raining so hard today.", "Would you like to play in the snow?",
    "Is it going to be sunny tomorrow?", "I am going to the beach on Sunday.", "My grandma is coming to visit us.", "Have you got any brothers at home?",
    "Who is the best friend you ever had?", "Today was a very sad day for me.", "I am a little bit scared of the dark.", "I am so angry at my sister!", "I won a prize at school!",
    "Do you get lonely when nobody is there?", "It is time for bed now.", "I am in bed but I am not sleepy at all.", "Did you dream about something?", "Good night, sleep well.",
    "I have a test at school tomorrow.", "Did you learn something new this week?", "Please count to three for me.", "How many legs does a dog have?", "What color do you like best?",
    "Tell me a short story about a boat.", "Do you know a funny joke?", "What happens when it gets dark?", "I lost my shoe.", "I made a cake for you.",
    "What were you doing before I came?", "I have to go home now, bye!",
)  # fmt: skip


def loops(text: str) -> bool:
    """Whether three words come back three times in a row, or the answer never ended."""
    words = text.lower().split()
    return any(words[n : n + 3] == words[n + 3 : n + 6] == words[n + 6 : n + 9] for n in range(len(words) - 8)) or len(words) > 120


def practised() -> list[str]:
    """Those of the questions that the practice text can say; there have to be none."""
    files = sorted((HERE / "assets" / "practice-text").glob("*/*.txt"))
    sketches = [sketch for file in files for sketch in smalltalk.read(file.read_text("utf-8"), file.name)]
    return [question for question in QUESTIONS if any(sketch.asks(question) for sketch in sketches)]


def main() -> None:
    """Ask, print, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=HERE / "assets" / "practice-model")
    parser.add_argument("--adapter", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if known := practised():
        raise SystemExit(f"These stand in the practice text and measure nothing: {known}")
    system, examples = "", set()
    if given.adapter:
        spec = json.loads((given.adapter / "spec.json").read_text("utf-8"))
        system = persona.from_dict(spec["persona"], "spec.json").system
        parts = dataset.from_snapshot((given.adapter / "dataset.jsonl").read_text("utf-8"))
        examples = {reply for c in (*parts.train, *parts.validation) for reply in c.replies}
    speaker, answers = Speaker(given.model), []
    for question in QUESTIONS:
        text = "".join(list(speaker.speak(given.adapter, (Turn("0", "user", question),), system, 0.0, lambda: False))[-1:])
        answers.append({"question": question, "answer": text, "loops": loops(text), "copied": text in examples})
        print(f"{question}\n    {text}{'   [loops]' if loops(text) else ''}{'   [copied]' if text in examples else ''}")
    print(
        f"{sum(a['loops'] for a in answers)} loop, {sum(a['copied'] for a in answers)} word for word from the examples, of {len(answers)}"
    )
    if given.json:
        given.json.write_text(json.dumps(answers, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
