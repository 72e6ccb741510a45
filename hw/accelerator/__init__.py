"""The accelerator: units around one buffer, a sequencer, memory and control ports."""
