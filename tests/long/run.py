#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run.py - the behaviours of tests/cases, for longer than a commit waits.

    tests/long/run.py [--build DIR] [-v] [NAME]...
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, "..", "cases"))

import run  # noqa: E402  (tests/cases/run.py)

if __name__ == "__main__":
    run.main((HERE,))
