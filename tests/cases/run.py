#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run.py - the behaviour of the whole daemon, on real sockets.

    tests/cases/run.py [--build DIR] [-v] [NAME]...

A NAME is part of the name of a test, as -v shows it (fault.Stream).
"""
import argparse
import glob
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)


def main(folders=(HERE,)):
    options = argparse.ArgumentParser()
    options.add_argument("--build", default="build/release")
    options.add_argument("-v", action="store_true")
    options.add_argument("names", nargs="*")
    options = options.parse_args()
    import house
    house.BUILD = os.path.abspath(options.build)
    loader = unittest.TestLoader()
    loader.testNamePatterns = [f"*{n}*" for n in options.names] or None
    suite = unittest.TestSuite()
    for folder in folders:
        sys.path.insert(0, folder)
        for path in sorted(glob.glob(os.path.join(folder, "case_*.py"))):
            name = os.path.basename(path)[:-3]
            suite.addTests(loader.loadTestsFromName(name))
    result = unittest.TextTestRunner(
        verbosity=2 if options.v else 1, buffer=False).run(suite)
    if not result.testsRun:
        sys.exit("no test is called that")
    sys.exit(not result.wasSuccessful())


if __name__ == "__main__":
    main()
