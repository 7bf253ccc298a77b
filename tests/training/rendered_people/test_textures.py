import numpy as np

from training.datasets.rendered_people.textures import box_blur, lookup, textures


def test_tiles_have_no_mean_and_unit_deviation() -> None:
    tiles = textures()
    assert (len(tiles.coarse), len(tiles.fine), len(tiles.folds)) == (8, 4, 8)
    for tile in (*tiles.coarse, *tiles.fine, *tiles.folds):
        assert tile.shape == (256, 256)
        assert abs(tile.std() - 1) < 1e-3


def test_lookup_wraps_around_on_all_sides() -> None:
    tile = np.arange(16.0).reshape(4, 4)
    places = np.array([0.0, 0.25, 0.75, 1.0, 1.25, -0.25, -1.0])
    np.testing.assert_array_equal(lookup(tile, places, np.zeros(7)), [0, 1, 3, 0, 1, 3, 0])
    np.testing.assert_array_equal(lookup(tile, np.zeros(7), places), [0, 4, 12, 0, 4, 12, 0])


def test_box_blur_is_the_mean_of_the_window_with_repeated_edges() -> None:
    rng = np.random.default_rng(0)
    values = rng.random((7, 5)).astype(np.float32)
    padded = np.pad(values, 2, "edge")
    expected = [[padded[y : y + 5, x : x + 5].mean() for x in range(5)] for y in range(7)]
    np.testing.assert_allclose(box_blur(values, 2), expected, atol=1e-5)


def test_box_blur_keeps_colours_apart() -> None:
    colours = np.zeros((6, 6, 3), np.float32)
    colours[..., 1] = 0.5
    np.testing.assert_allclose(box_blur(colours, 1, times=2), colours, atol=1e-6)
