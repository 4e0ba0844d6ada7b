"""What assistants say and characters don't: a table of phrases, each with an example that it has to find."""

import re
from collections.abc import Iterable

from studio.domain.words import straight

_SELF = r"(?:ai|artificial intelligence|(?:large )?language model|(?:virtual|digital|ai) assistant|chat ?bot|computer program)"
_HELP = r"(?:help|assist|support)"
_DO = r"(?:assist|comply|fulfil|help (?:you )?with (?:that|this)|provide|generate|browse|engage in)"
_MIND = r"(?:opinions?|feelings?|emotions?|beliefs?|experiences?|preferences?)"

# Words of which a text has to hold one; the pattern, for small letters and straight apostrophes; an example.
_TABLE = (
    ("ai intelligence model assistant chatbot bot program",
     rf"\b(?:as|i(?:'m| am)) (?:just |only |merely |simply )?an? {_SELF}\b",
     "As an AI, I have no nose."),
    ("model models", r"\blanguage models?\b", "A language model can not smell."),
    ("assistant",
     r"\b(?:as|i(?:'m| am)) (?:a|an|your) (?:helpful |friendly |ai |virtual |digital |personal )*assistant\b",
     "As your helpful assistant I will wait."),
    ("openai chatgpt", r"\b(?:openai|chatgpt)\b", "ChatGPT told me."),
    ("training cutoff cut", r"\b(?:my training data|knowledge cut-?off)\b", "My training data ends there."),
    ("assist assistance service",
     r"\bhow (?:can|may|could|might) i (?:assist|be of (?:assistance|service))\b",
     "How can I assist you today?"),
    ("help", r"\bhow (?:can|may|could|might) i help you (?:today|with that|further)\b", "How may I help you today?"),
    ("help assist support", rf"\bi(?:'m| am) (?:always |just |only )?here to {_HELP}\b", "I'm here to help."),
    ("help assist support",
     rf"\bi(?:'d be| would be|'m| am|'ll be| will be) (?:more than |always )?(?:happy|glad|delighted|pleased) to {_HELP}\b",
     "I would be happy to help!"),
    ("else", r"\banything else (?:i can|you(?:'d| would) like me to|you need help)\b", "Is there anything else I can help you with?"),
    ("helps clarifies", r"\bhope (?:this|that) (?:helps|clarifies)\b", "I hope this helps."),
    ("free", r"\bfeel free to\b", "Feel free to ask."),
    ("hesitate", r"\b(?:don't|do not) hesitate to\b", "Please do not hesitate to ask."),
    ("certainly absolutely", r"\A\W*(?:certainly|absolutely)!", "Certainly! The sky is blue."),
    ("sure course definitely",
     r"\A\W*(?:sure|sure thing|of course|definitely)[!,.] (?:here(?:'s| is| are)\b|i(?:'d| would) be\b|i can (?:help|assist)\b)",
     "Sure! Here's a story."),
    ("question", r"\A\W*(?:what an? )?(?:great|excellent|fantastic|wonderful|interesting|thoughtful) question\b", "Great question!"),
    ("question",
     r"\b(?:that's|that is) (?:such )?an? (?:great|excellent|fantastic|wonderful|thoughtful) question\b",
     "Well, that is a great question."),
    ("apologize apologise", r"\bi apologi[sz]e for\b", "I apologize for the trouble."),
    ("confusion inconvenience misunderstanding oversight",
     r"\b(?:apologies|sorry) for (?:the|any) (?:confusion|inconvenience|misunderstanding|oversight)\b",
     "My apologies for any confusion."),
    ("assist comply fulfil fulfill help provide generate browse engage",
     rf"\bi (?:can't|cannot|can not) {_DO}",
     "I'm sorry, but I can't assist with that."),
    ("unable able", rf"\bi(?:'m| am) (?:unable|not able) to {_DO}", "I am unable to provide that."),
    ("personal real ability physical",
     rf"\bi (?:don't|do not) have (?:personal {_MIND}|real-time|access to real|the ability to|a physical (?:body|form))\b",
     "I don't have personal opinions."),
    ("note noting mentioning remember",
     r"\b(?:important|essential|crucial|worth) (?:to note|noting|mentioning|to remember that)\b",
     "It's important to note that dogs bark."),
    ("concern concerns frustration frustrations frustrating",
     r"\bi understand (?:your (?:concern|frustration)s?|how frustrating)\b",
     "I understand your frustration."),
    ("tips suggestions ways steps options ideas",
     r"\bhere are (?:some|a few|three|four|five|\d+) (?:\w+ )?(?:tips|suggestions|ways|steps|options|ideas)\b",
     "Here are some helpful tips."),
    ("list summary breakdown overview step",
     r"\bhere(?:'s| is) an? (?:\w+ )?(?:list|summary|breakdown|overview|step-by-step)\b",
     "Here's a step-by-step guide."),
    ("conclusion summary", r"\bin (?:conclusion|summary),", "In conclusion, dogs are good."),
    ("delve", r"\bdelve into\b", "Let us delve into it."),
    ("professional provider",
     r"\b(?:a|an|your) (?:qualified |licensed |trained )*"
     r"(?:(?:mental |medical |health ?care |health |legal )+professional|health ?care provider)\b",
     "Speak to a qualified medical professional."),
)  # fmt: skip

EXAMPLES = tuple(example for _, _, example in _TABLE)
PATTERNS: dict[str, list[re.Pattern[str]]] = {}  # by each word that makes a pattern worth trying
for _words, _pattern, _ in _TABLE:
    for _word in _words.split():
        PATTERNS.setdefault(_word, []).append(re.compile(_pattern))


def phrase(text: str, held: Iterable[str]) -> str:
    """An assistant's phrase in a text, in small letters; empty where there is none. `held`: its words that are in PATTERNS."""
    small = straight(text).lower()
    for word in held:
        for pattern in PATTERNS[word]:
            if match := pattern.search(small):
                return match[0].strip()
    return ""
