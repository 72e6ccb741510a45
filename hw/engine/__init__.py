"""The attention engine: scores, softmax and context on one array, without writing scores."""
