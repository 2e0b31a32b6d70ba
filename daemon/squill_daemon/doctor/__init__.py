"""`squill doctor`: one look at the whole chain, from Python to the editor. Starts no daemon.

A group of checks is a generator of findings in a module of its own; `chain` lists them, `probes`
runs them side by side, each within its time, so that one that fails or hangs is one line.
"""
