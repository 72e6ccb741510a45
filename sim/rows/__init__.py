"""Rows of the operator table, one file per family."""
