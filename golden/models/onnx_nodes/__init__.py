"""ONNX's published test cases of single nodes, through golden's operators; needs ``onnx``."""
