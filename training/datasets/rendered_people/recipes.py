"""What a set of rendered crops was made with, kept beside them as JSON."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field, ValidationError

from models.errors import ConfigurationInvalid
from models.schema import Schema
from training.datasets.rendered_people.population import Population
from training.datasets.rendered_people.rendering import RENDERER_VERSION
from training.datasets.rendered_people.settings import SettingName

Extent = Annotated[int, Field(ge=16, le=4096)]


class Recipe(Schema):
    """Everything that decides the pictures; ``size`` is the width and height of a crop.

    ``setting``, ``evenness`` and ``siblings`` are those of ``Population``.
    """

    people: int = Field(ge=1)
    sightings: int = Field(ge=1)
    seed: int = Field(ge=0)
    first_person_id: int = Field(default=0, ge=0)
    size: tuple[Extent, Extent]
    setting: SettingName = "training"
    evenness: float = Field(default=0.0, ge=0, le=1)
    siblings: float = Field(default=0.0, ge=0, le=0.5)
    renderer_version: int = RENDERER_VERSION

    @property
    def population(self) -> Population:
        """Where the people come from."""
        return Population(self.seed, self.setting, self.evenness, self.siblings)

    @property
    def crops(self) -> int:
        """How many crops the recipe makes."""
        return self.people * self.sightings


RecipeT = TypeVar("RecipeT", bound=Recipe)


def checked_recipe(kind: type[RecipeT], values: Mapping[str, object]) -> RecipeT:
    """Return a recipe of validated values.

    Raises:
        ConfigurationInvalid: If one of them cannot work.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc']))}={problem['input']!r}: {problem['msg']}"
            for problem in error.errors()
        )
        raise ConfigurationInvalid(f"cannot render people so: {problems}") from None


def read_recipe(kind: type[RecipeT], path: Path) -> RecipeT:
    """Read a recipe.

    Raises:
        FileNotFoundError: If there is none.
        ConfigurationInvalid: If it is not one that this version writes.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ConfigurationInvalid(
            f"{path} is no recipe of rendered people; delete its folder and render again"
        ) from error


def recipe_json(recipe: Recipe) -> bytes:
    """Return the file content that ``read_recipe`` reads."""
    return recipe.model_dump_json(indent=2).encode() + b"\n"


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that it is never seen half-written."""
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_bytes(data)
    temporary.replace(path)
