"""onnxruntime: models opened, tensors bound to the device, recorded training steps."""
