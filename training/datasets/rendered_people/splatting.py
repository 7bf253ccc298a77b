"""The two inner loops of the renderer, compiled: making points, and keeping the nearest."""

import math
from collections.abc import Callable
from typing import TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
FunctionT = TypeVar("FunctionT", bound=Callable[..., object])


def _compiled(function: FunctionT) -> FunctionT:
    """Compile once per machine; fast-math stays off, so that equal seeds give equal pixels."""
    return cast("FunctionT", numba.njit(cache=True)(function))


@_compiled
def _spline(control: Array, stations: Array) -> Array:
    """Interpolate rings ``(k, 5)`` at stations ``(n,)`` (Catmull-Rom)."""
    last = control.shape[0] - 1
    rings = np.empty((stations.shape[0], 5), np.float32)
    for i in range(stations.shape[0]):
        k = min(int(stations[i]), last - 1)
        x = stations[i] - k
        x2 = x * x
        x3 = x2 * x
        w0 = -0.5 * x + x2 - 0.5 * x3
        w1 = 1 - 2.5 * x2 + 1.5 * x3
        w2 = 0.5 * x + 2 * x2 - 1.5 * x3
        w3 = -0.5 * x2 + 0.5 * x3
        before = max(k - 1, 0)
        after = min(k + 2, last)
        for c in range(5):
            rings[i, c] = (
                w0 * control[before, c]
                + w1 * control[k, c]
                + w2 * control[k + 1, c]
                + w3 * control[after, c]
            )
    return rings


@_compiled
def _section(around: int, roundness: float) -> Array:
    """Return points and normals ``(n, 4)`` of the superellipse |x|^r + |y|^r = 1."""
    section = np.empty((around, 4), np.float32)
    for j in range(around):
        angle = (j + 0.5) / around * 2 * math.pi
        x = math.cos(angle)
        y = math.sin(angle)
        section[j, 2] = x
        section[j, 3] = y
        if roundness != 2.0:
            radius = (abs(x) ** roundness + abs(y) ** roundness) ** (-1 / roundness)
            x *= radius
            y *= radius
            section[j, 2] = math.copysign(abs(x) ** (roundness - 1), x)
            section[j, 3] = math.copysign(abs(y) ** (roundness - 1), y)
        section[j, 0] = x
        section[j, 1] = y
    return section


@_compiled
def _frame(rings: Array, i: int, axis: Array) -> tuple[float, ...]:
    """Return the two section directions, the tangent and the slope of the radius at ring ``i``."""
    before = max(i - 1, 0)
    after = min(i + 1, rings.shape[0] - 1)
    tx = rings[after, 0] - rings[before, 0]
    ty = rings[after, 1] - rings[before, 1]
    tz = rings[after, 2] - rings[before, 2]
    length = math.sqrt(tx * tx + ty * ty + tz * tz) + 1e-7
    growth = (rings[after, 3] + rings[after, 4] - rings[before, 3] - rings[before, 4]) / 2
    slope = min(3.0, max(-3.0, growth / length))
    tx /= length
    ty /= length
    tz /= length
    along = axis[0] * tx + axis[1] * ty + axis[2] * tz
    ax = axis[0] - along * tx
    ay = axis[1] - along * ty
    az = axis[2] - along * tz
    length = math.sqrt(ax * ax + ay * ay + az * az) + 1e-7
    ax /= length
    ay /= length
    az /= length
    bx = ay * tz - az * ty
    by = az * tx - ax * tz
    bz = ax * ty - ay * tx
    return ax, ay, az, bx, by, bz, tx, ty, tz, slope


@_compiled
def loft(
    control: Array, stations: Array, around: int, roundness: float, factor: Array, axis: Array
) -> Array:
    """Return the points of a tube.

    Args:
        control: Rings ``(k, 5)``.
        stations: Where along the rings to put points ``(m,)``, 0..k-1.
        around: How many points per station.
        roundness: Exponent of the superelliptic section.
        factor: Factors of the radius ``(m, around)``, or ``(1, 1)``.
        axis: Direction of the first half axis ``(3,)``.

    Returns:
        ``(m * around, 8)``: angle, place along the tube 0..1, position, unit normal.
    """
    rings = _spline(control, stations)
    section = _section(around, roundness)
    count = stations.shape[0]
    points = np.empty((count * around, 8), np.float32)
    for i in range(count):
        ax, ay, az, bx, by, bz, tx, ty, tz, slope = _frame(rings, i, axis)
        a = max(rings[i, 3], 0.002)
        b = max(rings[i, 4], 0.002)
        row = i if factor.shape[0] > 1 else 0
        for j in range(around):
            size = factor[row, j] if factor.shape[1] > 1 else factor[row, 0]
            p = a * section[j, 0] * size
            q = b * section[j, 1] * size
            na = section[j, 2] / a
            nb = section[j, 3] / b
            length = math.sqrt(na * na + nb * nb) + 1e-9
            na /= length
            nb /= length
            nx = na * ax + nb * bx - slope * tx
            ny = na * ay + nb * by - slope * ty
            nz = na * az + nb * bz - slope * tz
            length = math.sqrt(nx * nx + ny * ny + nz * nz) + 1e-9
            point = points[i * around + j]
            point[0] = (j + 0.5) / around * 2 * math.pi
            point[1] = i / max(1, count - 1)
            point[2] = rings[i, 0] + p * ax + q * bx
            point[3] = rings[i, 1] + p * ay + q * by
            point[4] = rings[i, 2] + p * az + q * bz
            point[5] = nx / length
            point[6] = ny / length
            point[7] = nz / length
    return points


@_compiled
def splat(
    points: Array,
    rotation: Array,
    lens: Array,
    material: int,
    two_sided: bool,  # noqa: FBT001  compiled functions take no keyword-only arguments
    buffers: tuple[Array, npt.NDArray[np.int16], Array],
) -> None:
    """Write the points ``(n, 8)`` that are nearer than what the buffers hold.

    ``lens`` is centre height, distance, focal length, and the principal point.
    """
    depth, materials, nearest = buffers
    height, width = depth.shape
    r = rotation
    for i in range(points.shape[0]):
        p = points[i]
        facing = p[5] * r[0, 2] + p[6] * r[1, 2] + p[7] * r[2, 2]
        if facing < -0.08 and not two_sided:
            continue
        x = p[2]
        y = p[3] - lens[0]
        z = p[4]
        away = lens[1] - (x * r[0, 2] + y * r[1, 2] + z * r[2, 2])
        if away < 0.1:
            continue
        column = (x * r[0, 0] + y * r[1, 0] + z * r[2, 0]) * lens[2] / away + lens[3]
        row = lens[4] - (x * r[0, 1] + y * r[1, 1] + z * r[2, 1]) * lens[2] / away
        if column < 0 or row < 0 or column >= width or row >= height:
            continue
        u = int(column)
        v = int(row)
        if away < depth[v, u]:
            depth[v, u] = away
            materials[v, u] = material
            for c in range(8):
                nearest[v, u, c] = p[c]
