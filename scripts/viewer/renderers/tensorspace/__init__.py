"""TensorSpace draws the model: drawing.py turns model.json into its layers, scene.js into its scene."""
