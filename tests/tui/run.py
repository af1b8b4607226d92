#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run.py - relay-tui as its user sees it: scripts, and under tmux.

    tests/tui/run.py [--build DIR] [-v] [NAME]...
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "cases"))

if __name__ == "__main__":
    import importlib.util
    spec = importlib.util.spec_from_file_location(
        "cases_run", os.path.join(HERE, "..", "cases", "run.py"))
    cases = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(cases)
    cases.main((HERE,))
