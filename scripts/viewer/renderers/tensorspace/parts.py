"""The files that a page with TensorSpace carries, as scripts of npm's packages and of this folder."""

# (package, file), in the order in which they need one another.
LIBRARIES = (("three", "build/three.min.js"), ("three", "examples/js/controls/TrackballControls.js"),
             ("@tweenjs/tween.js", "dist/tween.umd.js"), ("@tensorflow/tfjs", "dist/tf.min.js"),
             ("tensorspace", "dist/tensorspace.min.js"))
# What the page's own scripts need before anything is drawn, and what draws: paths without .js.
FIRST = ("renderers/tensorspace/palette",)
DRAWING = tuple(f"renderers/tensorspace/{name}" for name in (
    "layers", "blocks", "layout", "maps", "slim", "merged", "figures", "camera", "edges", "labels", "stage", "scene"))
