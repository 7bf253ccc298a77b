"""How often the first ten crops are right, judged by the exact attributes of rendered people.

Run from the repository root, after `make demo` has rendered and indexed its gallery:

    python -m tests.end_to_end.demo_precision demo/gallery demo/index
"""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from indexer.gallery import open_gallery, read_manifest
from models.loading import load_encoder

Attributes = Mapping[str, str | None]
COLOURS = ("red", "blue", "green", "yellow", "black", "white")
TROUSERS = {"trousers", "jeans", "leggings", "sweatpants"}
HATS = {"cap", "beanie", "brimmed hat", "helmet"}
DEPTH = 10


@dataclass(frozen=True)
class Question:
    """A query, the group it is reported in, and which crops are right answers to it."""

    text: str
    group: str
    is_right: Callable[[Attributes], bool]


@dataclass(frozen=True)
class Answer:
    """What a question got.

    ``precision`` is the share of right ones among the first ten crops, ``best`` the most it
    could be, since a gallery may hold fewer than ten; ``share`` is that of right crops in it.
    """

    question: Question
    precision: float
    best: float
    share: float


def colour_questions() -> list[Question]:
    """Return a top, a trousers and a skirt question for each of the six colours."""

    def upper(colour: str) -> Callable[[Attributes], bool]:
        return lambda seen: seen["upper_colour"] == colour

    def lower(colour: str, kinds: set[str]) -> Callable[[Attributes], bool]:
        return lambda seen: seen["lower_colour"] == colour and seen["lower_type"] in kinds

    questions = []
    for colour in COLOURS:
        questions += [
            Question(f"person in a {colour} top", "top", upper(colour)),
            Question(f"person in {colour} trousers", "trousers", lower(colour, TROUSERS)),
            Question(f"person in a {colour} skirt", "skirt", lower(colour, {"skirt"})),
        ]
    return questions


def belonging_questions() -> list[Question]:
    """Return a backpack, a hat and a bag question."""
    return [
        Question("person with a backpack", "carried", lambda seen: seen["bag"] == "backpack"),
        Question("person wearing a hat", "carried", lambda seen: seen["headwear"] in HATS),
        Question("person with a bag", "carried", lambda seen: seen["bag"] not in (None, "none")),
    ]


def read_attributes(rendered: Path) -> dict[str, Attributes]:
    """Return the exact attributes of each crop by its path within the crops folder."""
    lines = (rendered / "attributes.jsonl").read_text().splitlines()
    return {record["path"]: record["attributes"] for record in map(json.loads, lines)}


def ask(rendered: Path, index: Path, questions: list[Question]) -> list[Answer]:
    """Search the index for each question and judge the first ten crops."""
    attributes = read_attributes(rendered)
    encoder = load_encoder(read_manifest(index).model.source)
    gallery = open_gallery(index, encoder.card)
    rows = encoder.encode_texts([question.text for question in questions])
    answers = []
    for question, row in zip(questions, rows, strict=True):
        hits = gallery.search(row, DEPTH).hits
        right = [question.is_right(attributes[hit.crop.path]) for hit in hits]
        there = sum(question.is_right(seen) for seen in attributes.values())
        best = min(there, DEPTH) / DEPTH
        answers.append(Answer(question, sum(right) / DEPTH, best, there / len(attributes)))
    gallery.close()
    return answers


def row(name: str, answers: list[Answer]) -> str:
    """Return the means of some answers as a line of the table."""
    means = [mean(getattr(answer, part) for answer in answers) for part in ("precision", "best")]
    share = mean(answer.share for answer in answers)
    return f"{name:<32}{means[0]:>6.2f}{means[1]:>8.2f}{share:>8.3f}"


def main(rendered: Path, index: Path) -> None:
    answers = ask(rendered, index, [*colour_questions(), *belonging_questions()])
    print(f"{'query':<32}{'P@10':>6}{'at most':>8}{'share':>8}")
    for answer in answers:
        print(row(answer.question.text, [answer]))
    for groups in (("top",), ("trousers",), ("skirt",), ("top", "trousers"), ("carried",)):
        members = [answer for answer in answers if answer.question.group in groups]
        print(row(f"mean of {' and '.join(groups)}", members))
    print(
        row(
            "mean of top, trousers and skirt", [a for a in answers if a.question.group != "carried"]
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
