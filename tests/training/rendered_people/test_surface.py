import numpy as np
import pytest

from training.datasets.rendered_people.splatting import loft
from training.datasets.rendered_people.surface import Projection, Surface, Sweep, ring
from training.datasets.rendered_people.textures import Floats, Mask

SIZE = (200, 200)
UPRIGHT = np.eye(3, dtype=np.float32)


def straight(distance: float = 10.0) -> Projection:
    """Return a camera at which a metre at the origin is 50 pixels."""
    return Projection(UPRIGHT, 1.0, distance, 50 * distance, (100.0, 100.0), SIZE)


def column(x: float, z: float, radius: float) -> list[tuple[float, ...]]:
    return [(x, 0.2, z, radius, radius), (x, 1.0, z, radius, radius), (x, 1.8, z, radius, radius)]


def test_a_cylinder_is_as_wide_and_high_as_it_should_be() -> None:
    surface: Surface[str] = Surface(straight())
    surface.tube(column(0.0, 0.0, 0.5), "stone")
    rows, columns = np.nonzero(surface.covered)
    # 1.0 m wide and 1.6 m high, 50 pixels a metre; its front is 5 % nearer than its middle.
    assert columns.max() - columns.min() + 1 == pytest.approx(50, abs=2)
    assert rows.max() - rows.min() + 1 == pytest.approx(80 * 1.05, abs=2)
    assert columns.mean() == pytest.approx(99.5, abs=1)
    assert rows.mean() == pytest.approx(99.5, abs=1)


def test_a_cylinder_has_no_holes() -> None:
    surface: Surface[str] = Surface(straight())
    surface.tube(column(0.0, 0.0, 0.5), "stone")
    assert surface.covered[65:135, 80:120].all()


def test_the_nearer_surface_hides_the_farther_in_either_order() -> None:
    for order in ((0.0, 1.0), (1.0, 0.0)):
        surface: Surface[float] = Surface(straight())
        for depth in order:
            surface.tube(column(0.0, depth, 0.3), depth)
        front = surface.materials.index(1.0)
        assert (surface.material[90:110, 95:105] == front).all()


def test_a_nearer_thing_is_larger() -> None:
    widths = []
    for z in (0.0, 5.0):
        surface: Surface[str] = Surface(straight())
        surface.tube(column(0.0, z, 0.2), "stone")
        columns = np.nonzero(surface.covered)[1]
        widths.append(columns.max() - columns.min() + 1)
    assert widths[1] == pytest.approx(2 * widths[0], abs=2)  # half the distance


def test_the_back_of_a_tube_shows_only_if_it_is_two_sided() -> None:
    def turned_away(_angle: Floats, points: Floats) -> Mask:
        return np.asarray(points[:, 2] < 0)

    for two_sided in (False, True):
        surface: Surface[str] = Surface(straight())
        surface.tube(column(0.0, 0.0, 0.5), "cloth", Sweep(two_sided=two_sided, keep=turned_away))
        assert surface.covered[90:110, 90:110].any() == two_sided


def test_a_box_is_as_large_as_it_should_be() -> None:
    surface: Surface[str] = Surface(straight(distance=1000.0))
    surface.box((0.5, 1.0, 0.0), (0.6, 0.4, 0.2), "card")
    rows, columns = np.nonzero(surface.covered)
    assert columns.mean() == pytest.approx(100 + 25, abs=1)
    assert columns.max() - columns.min() + 1 == pytest.approx(30, abs=2)
    assert rows.max() - rows.min() + 1 == pytest.approx(20, abs=2)


def test_points_of_a_cylinder_lie_on_it_with_normals_straight_out() -> None:
    control = np.array([[0, 0, 0, 2, 2], [0, 1, 0, 2, 2], [0, 2, 0, 2, 2]], np.float32)
    axis = np.array([1, 0, 0], np.float32)
    points = loft(
        control,
        np.array([0.0, 0.5, 1.0, 1.99], np.float32),
        12,
        2.0,
        np.ones((1, 1), np.float32),
        axis,
    )
    position, normal = points[:, 2:5], points[:, 5:8]
    assert points.shape == (48, 8)
    np.testing.assert_allclose(np.hypot(position[:, 0], position[:, 2]), 2, atol=1e-5)
    np.testing.assert_allclose(normal[:, [0, 2]] * 2, position[:, [0, 2]], atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(normal, axis=1), 1, atol=1e-5)


def test_a_superellipse_satisfies_its_equation() -> None:
    control = np.array([[0, 0, 0, 3, 2], [0, 1, 0, 3, 2]], np.float32)
    axis = np.array([1, 0, 0], np.float32)
    points = loft(
        control, np.array([0.0, 0.5], np.float32), 32, 5.0, np.ones((1, 1), np.float32), axis
    )
    x, z = np.abs(points[:, 2]) / 3, np.abs(points[:, 4]) / 2
    np.testing.assert_allclose(x**5 + z**5, 1, atol=1e-3)


def test_a_spline_passes_through_its_rings_and_rounds_between() -> None:
    control = np.array(
        [[0, 0, 0, 1, 1], [0, 1, 0, 2, 2], [0, 2, 0, 1, 1], [0, 3, 0, 1, 1]], np.float32
    )
    axis = np.array([1, 0, 0], np.float32)
    stations = np.array([1.0, 1.5, 2.0], np.float32)
    points = loft(control, stations, 4, 2.0, np.ones((1, 1), np.float32), axis)
    radii = np.hypot(points[:, 2], points[:, 4]).reshape(3, 4)[:, 0]
    # Catmull-Rom halfway: (-1 + 9 * 2 + 9 * 1 - 1) / 16.
    np.testing.assert_allclose(radii, [2, 25 / 16, 1], atol=1e-5)


def test_a_ring_is_round_unless_told_otherwise() -> None:
    assert ring((1, 2, 3), 0.5) == (1, 2, 3, 0.5, 0.5)
    assert ring(np.array([1, 2, 3]), 0.5, 0.25) == (1, 2, 3, 0.5, 0.25)
