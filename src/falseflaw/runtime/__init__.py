"""Inference without torch: onnxruntime, NumPy and Pillow."""
