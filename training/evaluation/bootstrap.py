"""How far a mean over queries would move with other people: intervals by the bootstrap.

Queries of one person are alike, so people are drawn, not queries: as many as there are, with
replacement, each with all of its queries. The gallery stays as it is, and so does the model: how
far another training seed would move a mean is not in it. Where all people score alike, at 0 or
1, the interval has no width, which says nothing of people who were not asked for.

Sources: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13 (percentile
interval); Field and Welsh, Bootstrapping clustered data, 2007
(https://doi.org/10.1111/j.1467-9868.2007.00593.x; "cluster bootstrap").
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from models.errors import ConfigurationInvalid
from models.schema import Schema

REPLICATES = 1000
PERCENT = 95

_REPLICATES_AT_ONCE = 100  # bounds the memory: as many rows of one weight a person


class Interval(Schema):
    """The standard error of a mean, and the bounds of its 95 % interval."""

    standard_error: float
    low: float
    high: float


def bootstrap_by_person(
    values: Mapping[str, npt.NDArray[np.float64]],
    person_ids: npt.NDArray[np.int64],
    *,
    seed: int,
    replicates: int = REPLICATES,
) -> dict[str, Interval]:
    """Return an interval for the mean of each of ``values`` ``(q,)``, queries of ``person_ids``.

    Raises:
        ConfigurationInvalid: If the lengths differ, a value is not finite, or there are fewer
            than two people or two replicates.
    """
    _, person_of = np.unique(person_ids, return_inverse=True)
    people = int(person_of.max(initial=-1)) + 1
    if people < 2 or replicates < 2:
        raise ConfigurationInvalid(
            f"{people} people drawn {replicates} times: an interval needs at least two of both"
        )
    table = _table(values, len(person_ids))  # (q, m)
    sums = np.zeros((people, table.shape[1]))
    np.add.at(sums, person_of, table)  # (people, m)
    counts = np.bincount(person_of, minlength=people)  # (people,)
    rng = np.random.default_rng(seed)
    means = np.concatenate(
        [
            _draw_means(rng, sums, counts, min(_REPLICATES_AT_ONCE, replicates - start))
            for start in range(0, replicates, _REPLICATES_AT_ONCE)
        ]
    )  # (replicates, m)
    outside = (100 - PERCENT) / 2
    low, high = np.percentile(means, (outside, 100 - outside), axis=0)
    errors = means.std(axis=0, ddof=1)
    return {
        name: Interval(standard_error=float(error), low=float(lower), high=float(upper))
        for name, error, lower, upper in zip(values, errors, low, high, strict=True)
    }


def _draw_means(
    rng: np.random.Generator,
    sums: npt.NDArray[np.float64],
    counts: npt.NDArray[np.int64],
    replicates: int,
) -> npt.NDArray[np.float64]:
    people = len(counts)
    # How often each person is drawn, (replicates, people).
    drawn = rng.multinomial(people, np.full(people, 1 / people), size=replicates)
    means: npt.NDArray[np.float64] = (drawn @ sums) / (drawn @ counts)[:, None]
    return means


def _table(values: Mapping[str, npt.NDArray[np.float64]], queries: int) -> npt.NDArray[np.float64]:
    for name, column in values.items():
        if column.shape != (queries,):
            raise ConfigurationInvalid(
                f"{name} has the shape {column.shape} beside the person ids of {queries} queries"
            )
        if not np.isfinite(column).all():
            raise ConfigurationInvalid(
                f"{name} of a query is NaN or infinite: leave out queries without a match"
            )
    return np.stack(list(values.values()), axis=1)
