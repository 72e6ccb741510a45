"""ONNX encoders as real networks: read, traced with values that are partly known, and checked."""
