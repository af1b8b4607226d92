# SPDX-License-Identifier: MIT
"""run.py - run the tests of real clients, and say how long each took.

    run.py --build DIR --packages DIR [--direct] [NAME...]

NAMEs choose tests by a part of their name.  --direct leaves relayd out: how
the clients are without it.
"""
import argparse
import glob
import importlib
import os
import sys
import time
import unittest

import stage


class Result(unittest.TextTestResult):
    def startTest(self, test):
        self.began = time.monotonic()
        super().startTest(test)

    def getDescription(self, test):
        return test.id()

    def stopTest(self, test):
        super().stopTest(test)
        self.stream.writeln(f"    {time.monotonic() - self.began:.1f} s")


def chosen(suite, names):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from chosen(test, names)
        elif not names or any(name in test.id() for name in names):
            yield test


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--packages", required=True)
    parser.add_argument("--direct", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    stage.BUILD = os.path.abspath(options.build)
    stage.PACKAGES = os.path.abspath(options.packages)
    stage.DIRECT = options.direct
    suite = unittest.TestSuite()
    for path in sorted(glob.glob(os.path.join(stage.HERE, "test_*.py"))):
        module = importlib.import_module(os.path.basename(path)[:-3])
        suite.addTests(chosen(
            unittest.defaultTestLoader.loadTestsFromModule(module),
            options.names))
    runner = unittest.TextTestRunner(stream=sys.stdout, verbosity=2,
                                     resultclass=Result)
    return 0 if runner.run(suite).wasSuccessful() else 1


sys.exit(main())
