"""The units of an accelerator without their data: when each moves what."""
