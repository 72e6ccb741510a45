"""One layer of a real encoder on a core's RTL, every output held against golden."""
