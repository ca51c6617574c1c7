"""Encoders: export to ONNX, run, keep. The only home of torch."""
