"""HHA of planes of known angle and height, seen by cameras of known pitch and roll."""

import numpy as np
import pytest
from pluxel.core.authoring import Camera, encode_hha, gravity_direction, surface_normals
from pluxel.core.contracts.inputs import InputSpec
from pluxel.core.data.images import array_input
from pluxel.registry import PluxelError

HEIGHT, WIDTH = 120, 160
CAMERA = Camera(130.0, 132.0, 81.5, 58.0)


def rotation(pitch: float, roll: float = 0) -> np.ndarray:
    """Return the matrix from the axes of a level camera to those of one that looks down."""
    p, r = np.radians([pitch, roll])
    about_x = [[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]]
    about_z = [[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]]
    return np.array(about_z) @ np.array(about_x)


def room(pitch=0.0, roll=0.0, eye=150.0, wall=420.0, ceiling=None):
    """Return depth in mm, the surface of each pixel, its height in cm, and gravity.

    Surfaces: 0 floor, 1 back wall, 2 ceiling. ``eye``: height of the camera in cm. ``wall``:
    distance of the wall, ``ceiling``: its height above the floor.
    """
    turn = rotation(pitch, roll)
    x, y = CAMERA.rays(HEIGHT, WIDTH)
    rays = np.stack([x + 0 * y, y + 0 * x, np.ones((HEIGHT, WIDTH))], -1) @ turn  # level axes
    with np.errstate(divide="ignore"):
        along = [eye / rays[..., 1], wall / rays[..., 2]]
        along += [] if ceiling is None else [(eye - ceiling) / rays[..., 1]]
    along = np.stack([np.where(one > 0, one, np.inf) for one in along])
    surface = along.argmin(0)
    z = along.min(0)
    height = eye - z * rays[..., 1]
    return z * 10, surface, height, turn @ [0.0, 1.0, 0.0]


def inner(surface: np.ndarray, radius: int = 3) -> np.ndarray:
    """Return where a whole window lies on one surface."""
    padded = np.pad(surface, radius, constant_values=-1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * radius + 1,) * 2)
    flat = windows.reshape(*surface.shape, -1)
    return (flat == surface[..., None]).all(-1)


VIEWS = [(0, 0), (20, 0), (-2, 0), (30, 5), (15, -12)]


@pytest.mark.parametrize(("pitch", "roll"), [*VIEWS, (-10, 0)])  # the last sees a wall only
def test_gravity_is_found_by_floor_and_wall(pitch, roll):
    depth, _, _, gravity = room(pitch, roll)
    found = gravity_direction(surface_normals(depth, CAMERA, 10))
    assert np.degrees(np.arccos(found @ gravity)) < 1.5


@pytest.mark.parametrize(("pitch", "roll"), VIEWS)
def test_disparity_height_and_angle_of_a_room(pitch, roll):
    depth, surface, height, _ = room(pitch, roll)
    hha = encode_hha(depth, CAMERA).astype(int)
    assert hha.shape == (HEIGHT, WIDTH, 3)
    inside = inner(surface)
    np.testing.assert_allclose(hha[..., 0], 31000 / (depth / 10), atol=0.51)
    clear = inside & (height < 250)
    assert np.abs(hha[..., 1] - height)[clear].max() < 8
    assert np.abs(hha[..., 2] - np.array([38, 128])[surface])[inside].max() <= 2
    assert inside[surface == 0].sum() > 400


def test_given_gravity_makes_heights_and_angles_exact():
    depth, surface, height, gravity = room(20, 8)
    hha = encode_hha(depth, CAMERA, gravity=9.81 * gravity).astype(int)
    inside = inner(surface)
    assert np.abs(hha[..., 1] - height.clip(0, 255)).max() <= 0.51
    assert (hha[..., 2] == np.array([38, 128])[surface])[inside].all()


def test_a_ceiling_is_at_218():
    depth, surface, _, gravity = room(-5, ceiling=240.0, wall=600.0)
    hha = encode_hha(depth, CAMERA, gravity=gravity)
    assert (hha[inner(surface) & (surface == 2)] == [0, 240, 218])[:, 1:].all()


@pytest.mark.parametrize("angle", [30, 60])
def test_the_angle_of_a_tilted_plane(angle):
    """A ramp that rises away from the camera, whose normal is ``angle`` from gravity."""
    sine, cosine = np.sin(np.radians(angle)), np.cos(np.radians(angle))
    x, y = CAMERA.rays(HEIGHT, WIDTH)
    z = 1000 / (y * cosine + sine + 0 * x)  # n · p = 100 cm for n = (0, cosine, sine)
    depth = np.where(z > 0, z, 0)
    normals = surface_normals(depth, CAMERA)
    known = np.isfinite(normals).all(-1) & inner(depth > 0)
    np.testing.assert_allclose(normals[known], [[0, cosine, sine]] * known.sum(), atol=1e-6)
    hha = encode_hha(depth, CAMERA, gravity=np.array([0, 1, 0]))
    assert (hha[known][:, 2] == 38 + angle).all()


def test_without_a_ground_the_camera_is_130_cm_high():
    depth = np.full((HEIGHT, WIDTH), 1800.0)  # a wall only, 83 cm below the axis at most
    hha = encode_hha(depth, CAMERA, gravity=np.array([0, 1, 0]))
    assert hha[58, 80].tolist() == [172, 130, 128]


def test_disparity_and_height_saturate():
    near = encode_hha(np.full((HEIGHT, WIDTH), 300.0), CAMERA, gravity=np.array([0, 1, 0]))
    assert (near[..., 0] == 255).all()  # 31000 / 100 cm
    far = encode_hha(np.full((HEIGHT, WIDTH), 9000.0), CAMERA, gravity=np.array([0, 1, 0]))
    assert far[0, 0, 1] == 255
    assert far[-1, 0, 1] == 0


class TestHoles:
    def test_marked_holes_are_zero_in_all_channels_and_change_nothing_else(self):
        depth, surface, _, gravity = room(20)
        whole = encode_hha(depth, CAMERA, gravity=gravity)
        holed = depth.copy()
        holed[20:40, 30:60] = 0
        holed[60, 70] = np.nan
        found = encode_hha(holed, CAMERA, gravity=gravity)
        assert (found[20:40, 30:60] == 0).all()
        assert (found[60, 70] == 0).all()
        known = np.nan_to_num(holed) > 0
        assert (found[known & inner(surface)] == whole[known & inner(surface)]).all()

    def test_a_reader_takes_marked_holes_for_missing(self):
        hha = np.full((2, 3, 3), 9, np.uint8)
        hha[0, 1] = 0
        hha[1, 1] = (9, 0, 38)  # the floor
        found = array_input(hha, 3, "hha", InputSpec(kind="hha"))
        assert found[0, 1].tolist() == [132, 94, 118]
        assert found[1, 1].tolist() == [9, 0, 38]

    def test_filled_holes_take_the_nearest_depth(self):
        depth = np.full((HEIGHT, WIDTH), 2000.0)
        depth[10:14, 20:24] = 0
        found = encode_hha(depth, CAMERA, missing="fill", gravity=np.array([0, 1, 0]))
        assert (found[..., 0] == 155).all()

    def test_isolated_pixels_have_no_normal(self):
        depth = np.zeros((HEIGHT, WIDTH))
        depth[50, 50] = depth[90, 90] = 1500
        assert np.isnan(surface_normals(depth, CAMERA)).all()


def test_bad_arguments_are_refused():
    with pytest.raises(PluxelError, match="the depth has no measurement"):
        encode_hha(np.zeros((4, 4)), CAMERA)
    with pytest.raises(PluxelError, match="expected \\(height, width\\)"):
        encode_hha(np.ones((4, 4, 1)), CAMERA)
    with pytest.raises(PluxelError, match="focal lengths of a camera must be positive"):
        Camera(0, 1, 1, 1)
    with pytest.raises(PluxelError, match="and all of its numbers finite, not Camera\\(fx=inf"):
        Camera(np.inf, 1, 1, 1)


@pytest.mark.parametrize(
    "gravity", [(0, 0, 0), (0, np.nan, 1), (0, np.inf, 1), (0, 1), ((0, 1, 0),)]
)
def test_gravity_without_a_direction_is_refused(gravity):
    with pytest.raises(PluxelError, match="gravity must be three finite numbers, not all 0, such"):
        encode_hha(np.full((40, 40), 2000), CAMERA, gravity=np.array(gravity))


def test_only_the_direction_of_gravity_counts():
    depth = np.full((HEIGHT, WIDTH), 2000.0)
    one, other = (encode_hha(depth, CAMERA, gravity=np.array([0, g, 0])) for g in (1, 981))
    assert (one == other).all()
