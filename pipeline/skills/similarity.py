"""How alike two texts are: TF-IDF vectors over words, compared by cosine. Deterministic, standard library only."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

_WORD = re.compile(r"[^\W_]+")
_HAN_OR_KANA = re.compile("[\u3040-\U0010ffff]")
_STOP_WORDS = """
a about all also an and any are as asks at be been but by can could do does for from has have how i if in into
is it its like may more most need needs new not of on one or other our out over own shall should skill skills
so such than that the their them then these they this those to under up us use used user users uses using want
wants was we were what when where which who will with would you your
"""
_STOP = frozenset(_STOP_WORDS.split())


def words(text: str) -> Iterator[str]:
    """The content words of a text: lower case, stop words dropped, plural and verb endings cut, han and kana by
    pairs.
    """
    if _HAN_OR_KANA.search(text) is None:
        yield from [stem for word in _WORD.findall(text.lower()) if (stem := _STEMS[word])]
        return
    for word in _WORD.findall(text.lower()):
        if _HAN_OR_KANA.search(word):
            yield from (word[i : i + 2] for i in range(max(1, len(word) - 1)))
        elif stem := _STEMS[word]:
            yield stem


class _Stems(dict[str, str]):
    """The stems of words, each found once; a stop word and a single letter have none. Bounded: it starts anew."""

    MOST = 20_000

    def __missing__(self, word: str) -> str:
        if len(self) >= self.MOST:
            self.clear()
        stem = self[word] = _stem(word) if word not in _STOP and len(word) > 1 else ""
        return stem


_STEMS = _Stems()


def _stem(word: str) -> str:
    for ending, least in (("ies", 5), ("ing", 6), ("ed", 5), ("es", 5), ("s", 4)):
        if word.endswith(ending) and len(word) >= least and not word.endswith("ss"):
            stem = word[: -len(ending)]
            if ending == "ies":
                return stem + "y"
            return stem[:-1] if len(stem) > 3 and stem[-1] == stem[-2] and ending in ("ing", "ed") else stem.rstrip("e")
    return word.rstrip("e") if len(word) > 4 else word


@dataclass(frozen=True, slots=True)
class Match:
    """One text of a corpus and how alike it is, 0-1."""

    index: int
    score: float


class TextIndex:
    """TF-IDF vectors of a fixed set of texts. Rare words lead to those alike, so it stays near linear."""

    def __init__(self, texts: Sequence[Iterable[str]]) -> None:
        counts = [Counter(text) for text in texts]
        self._documents = len(counts)
        self._frequency: Counter[str] = Counter()
        for count in counts:
            self._frequency.update(count.keys())
        self._rarity: dict[str, float] = {}
        self._vectors = [self._weigh(count) for count in counts]
        self._known_heads: dict[float, tuple[list[list[str]], dict[str, list[int]]]] = {}

    @cached_property
    def _postings(self) -> dict[str, list[tuple[int, float]]]:
        """Who holds each word, and how much it weighs there."""
        postings: dict[str, list[tuple[int, float]]] = {}
        for index, vector in enumerate(self._vectors):
            for word, weight in vector.items():
                postings.setdefault(word, []).append((index, weight))
        return postings

    def _weigh(self, count: Counter[str]) -> dict[str, float]:
        rarity = self._rarity
        weights: dict[str, float] = {}
        for word, times in sorted(count.items()):
            rare = rarity.get(word)
            if rare is None:
                rare = rarity[word] = math.log((1 + self._documents) / (1 + self._frequency[word])) + 1
            weights[word] = rare if times == 1 else (1 + math.log(times)) * rare
        length = math.sqrt(sum([weight * weight for weight in weights.values()]))
        return {word: weight / length for word, weight in weights.items()} if length else {}

    def rank(self, query: Iterable[str]) -> list[Match]:
        """Every text that shares a word with the query, best first, ties in the given order."""
        return self._rank(self._weigh(Counter(query)))

    def similar_to(self, index: int, *, at_least: float) -> list[Match]:
        """The other texts at least this alike, best first."""
        heads, holders = self._heads(at_least)
        vector = self._vectors[index]
        found: list[Match] = []
        for other in sorted({number for word in heads[index] for number in holders[word]} - {index}):
            theirs = self._vectors[other]
            score = round(sum([weight * theirs[word] for word, weight in vector.items() if word in theirs]), 6)
            if score >= at_least:
                found.append(Match(other, score))
        return sorted(found, key=lambda match: (-match.score, match.index))

    def _heads(self, at_least: float) -> tuple[list[list[str]], dict[str, list[int]]]:
        """For each text its rarest words, without which the rest weighs less than `at_least`; and who has each of them.

        Two texts that are so alike share one of these words: the rarest they share stands among them in both, for
        else all they share would lie in the rest of one, and weigh too little (Cauchy-Schwarz).
        """
        if at_least not in self._known_heads:
            heads: list[list[str]] = []
            holders: dict[str, list[int]] = {}
            rarest_first = sorted(self._frequency, key=lambda word: (self._frequency[word], word))
            place = {word: number for number, word in enumerate(rarest_first)}
            for number, vector in enumerate(self._vectors):
                rest = 1.0
                head: list[str] = []
                for word in sorted(vector, key=place.__getitem__):
                    if rest < (at_least - 1e-5) ** 2:
                        break
                    rest -= vector[word] ** 2
                    head.append(word)
                    holders.setdefault(word, []).append(number)
                heads.append(head)
            self._known_heads[at_least] = heads, holders
        return self._known_heads[at_least]

    def _rank(self, vector: dict[str, float]) -> list[Match]:
        scores: dict[int, float] = {}
        for word, weight in vector.items():
            for index, other in self._postings.get(word, ()):
                scores[index] = scores.get(index, 0.0) + weight * other
        ranked = sorted(scores.items(), key=lambda item: (-round(item[1], 9), item[0]))
        return [Match(index, round(score, 6)) for index, score in ranked]


def weighted_words(name: str, description: str) -> list[str]:
    """A skill as words: its name counts double."""
    parts = list(words(name.replace("-", " ")))
    return [*parts, *parts, *words(description)]
