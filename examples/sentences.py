"""A small parallel corpus, made by two grammars: English sentences and their German translations; and BLEU.

The orders of words differ: German puts the participle last and the time before the object, has three genders and long numbers
whose last two digits are read backwards.
"""

import math
import random
from collections import Counter

SUBJECTS = {"i": "ich habe", "you": "du hast", "we": "wir haben", "they": "sie haben", "the woman": "die frau hat", "my brother": "mein bruder hat", "the children": "die kinder haben"}  # fmt: skip
VERBS = {"bought": "gekauft", "seen": "gesehen", "found": "gefunden", "sold": "verkauft", "lost": "verloren", "painted": "gemalt", "counted": "gezählt", "brought": "gebracht"}  # fmt: skip
NOUNS = {"table": ("m", "tisch"), "dog": ("m", "hund"), "letter": ("m", "brief"), "cat": ("f", "katze"), "clock": ("f", "uhr"), "flower": ("f", "blume"), "book": ("n", "buch"), "house": ("n", "haus"), "picture": ("n", "bild")}  # fmt: skip
PLURALS = {"tables": "tische", "dogs": "hunde", "letters": "briefe", "cats": "katzen", "clocks": "uhren", "flowers": "blumen", "books": "bücher", "houses": "häuser", "pictures": "bilder"}  # fmt: skip
ADJECTIVES = {"old": "alt", "new": "neu", "red": "rot", "small": "klein", "big": "groß", "beautiful": "schön"}
TIMES = {"yesterday": "gestern", "today": "heute", "last year": "letztes jahr", "this morning": "heute morgen", "on monday": "am montag"}  # fmt: skip
ARTICLES = {"m": "den", "f": "die", "n": "das"}
ONES = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
EINER = ("", "ein", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun")
ZEHNER = ("", "", "zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig")


def _object(choose):
    adjective = choose(list(ADJECTIVES)) if choose((True, True, False)) else ""
    if choose((True, False)):
        noun = choose(list(NOUNS))
        gender, german = NOUNS[noun]
        ending = "en" if gender == "m" else "e"
        return f"the {adjective} {noun}", f"{ARTICLES[gender]} {adjective and ADJECTIVES[adjective] + ending} {german}"
    noun, ten, one = choose(list(PLURALS)), choose(range(2, 10)), choose(range(1, 10))
    german = f"{EINER[one]} und {ZEHNER[ten]} {adjective and ADJECTIVES[adjective] + 'e'} {PLURALS[noun]}"
    return f"{TENS[ten]} {ONES[one]} {adjective} {noun}", german


def pairs(count, seed=0):
    """So many different pairs of an English and a German sentence, each a list of words."""
    choose, found = random.Random(seed).choice, {}
    while len(found) < count:
        subject, verb, time = choose(list(SUBJECTS)), choose(list(VERBS)), choose(["", *TIMES])
        english, german = _object(choose)
        english = f"{subject} have {verb} {english} {time}" if subject not in ("the woman", "my brother") else f"{subject} has {verb} {english} {time}"  # fmt: skip
        german = f"{SUBJECTS[subject]} {time and TIMES[time]} {german} {VERBS[verb]}"
        found[" ".join(english.split())] = " ".join(german.split())
    return [(english.split(), german.split()) for english, german in found.items()]


PAD, BEGIN, END, UNKNOWN = range(4)


class Vocabulary:
    """Numbers for the words of sentences; the first four are padding, begin, end and the unknown word."""

    def __init__(self, sentences):
        self.words = [
            "<pad>",
            "<bos>",
            "<eos>",
            "<unk>",
            *sorted({word for sentence in sentences for word in sentence}),
        ]
        self.numbers = {word: number for number, word in enumerate(self.words)}

    def __len__(self):
        return len(self.words)

    def encode(self, sentence):
        return [BEGIN, *(self.numbers.get(word, UNKNOWN) for word in sentence), END]

    def decode(self, numbers):
        """The words up to the end."""
        numbers = [int(number) for number in numbers]
        end = numbers.index(END) if END in numbers else len(numbers)
        return [self.words[number] for number in numbers[:end] if number not in (PAD, BEGIN)]


def bleu(candidates, references, longest=4):
    """BLEU of a corpus, one reference each, from 0 to 100 (Papineni et al. 2002, section 2.3)."""
    matched, total = [0] * longest, [0] * longest
    for candidate, reference in zip(candidates, references, strict=True):
        for n in range(1, longest + 1):
            ours, theirs = (Counter(tuple(text[i : i + n]) for i in range(len(text) - n + 1)) for text in (candidate, reference))  # fmt: skip
            matched[n - 1] += sum((ours & theirs).values())
            total[n - 1] += sum(ours.values())
    if min(matched) == 0:
        return 0.0
    length, wanted = (sum(map(len, texts)) for texts in (candidates, references))
    brevity = min(0.0, 1 - wanted / length)
    return 100 * math.exp(brevity + sum(math.log(m / t) for m, t in zip(matched, total, strict=True)) / longest)
