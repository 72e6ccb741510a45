"""Released models, tokenizers and file formats: the one place with third-party formats."""
