"""TF.js graph models, ``*.json`` beside ``*.bin``, made into ONNX files."""
