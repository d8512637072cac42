"""What the contours of an RTSTRUCT enclose, read by pydicom and filled here: the test's own way, apart from the product.

    python maskOfContours.py structures.dcm grid.json > masks.json

`grid.json`: size and affine (12 numbers, row by row, voxel to LPS millimetres). Out come, by structure name, the numbers of the voxels (i fastest)
whose centres an odd number of contours goes around.
"""
import json
import sys

import numpy
import pydicom


def inside(points, width, height):
    """Pixel centres inside one closed contour, by crossings to the left."""
    us, vs = numpy.meshgrid(numpy.arange(width), numpy.arange(height))
    found = numpy.zeros((height, width), bool)
    for (u0, v0), (u1, v1) in zip(points, numpy.roll(points, -1, axis=0)):
        if v0 == v1:
            continue
        crosses = (v0 > vs) != (v1 > vs)
        found ^= crosses & (us < u0 + (vs - v0) * (u1 - u0) / (v1 - v0))
    return found


def main(path, grid_path):
    grid = json.load(open(grid_path))
    width, height, slices = grid["size"]
    to_voxels = numpy.linalg.inv(numpy.vstack([numpy.reshape(grid["affine"], (3, 4)), [0, 0, 0, 1]]))
    dataset = pydicom.dcmread(path)
    names = {roi.ROINumber: roi.ROIName for roi in dataset.StructureSetROISequence}
    masks = {}
    for structure in dataset.ROIContourSequence:
        mask = numpy.zeros((slices, height, width), bool)
        for contour in structure.get("ContourSequence", []):
            world = numpy.reshape(numpy.array(contour.ContourData, float), (-1, 3))
            assert len(world) == contour.NumberOfContourPoints
            voxels = (to_voxels @ numpy.hstack([world, numpy.ones((len(world), 1))]).T).T[:, :3]
            k = int(round(voxels[:, 2].mean()))
            assert numpy.abs(voxels[:, 2] - k).max() < 0.01
            mask[k] ^= inside(voxels[:, :2], width, height)
        masks[str(names[structure.ReferencedROINumber])] = numpy.flatnonzero(mask).tolist()
    json.dump(masks, sys.stdout)


main(*sys.argv[1:])
