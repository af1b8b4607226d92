#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run.py - what a newcomer does first: quickstart.sh, and make install.

    tests/door/run.py [unittest options]

It runs in a home of its own and leaves nothing behind."""

import glob
import json
import os
import pty
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest

TREE = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
LIMIT = 300


def is_alive(pid):
    """Whoever it belongs to; what waits for its parent is dead."""
    try:
        with open('/proc/%d/stat' % pid, encoding='utf-8') as file:
            return file.read().rpartition(')')[2].split()[0] != 'Z'
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(true, what):
    """Look until it is so; how long is only a ceiling."""
    end = time.monotonic() + 30
    while not true():
        if time.monotonic() > end:
            raise AssertionError('waited in vain: ' + what)
        time.sleep(0.02)


class Door(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix='door')
        # relayd may step down to a user of its own.
        os.chmod(self.dir, 0o755)
        self.home = os.path.join(self.dir, 'h')
        self.env = {'PATH': os.environ['PATH'], 'HOME': self.dir,
                    'RELAYD_HOME': self.home, 'LC_ALL': 'C.UTF-8'}
        self.kept = []

    def tearDown(self):
        for pid in self.kept + self.pids():
            if is_alive(pid):
                os.kill(pid, signal.SIGTERM)
                wait_until(lambda: not is_alive(pid), 'its end')
        shutil.rmtree(self.dir)

    def pids(self):
        out = []
        for name in ('relayd', 'practice'):
            try:
                with open('%s/%s.pid' % (self.home, name),
                          encoding='ascii') as file:
                    out.append(int(file.read()))
            except OSError:
                pass
        return out

    def run_it(self, *words, status=0):
        done = subprocess.run(
            ['sh', 'contrib/quickstart.sh', '--no-install', *words], cwd=TREE,
            env=self.env, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=LIMIT, check=False)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def ctl(self, *words, given=None):
        done = subprocess.run(
            ['build/release/bin/relayctl', '--json', *words], cwd=TREE,
            env=dict(self.env, RELAYD_SOCKET=self.home + '/control.sock'),
            input=given, capture_output=True, text=True, timeout=LIMIT,
            check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)


class Quickstart(Door):
    def test_an_answer_streams_through_and_is_booked(self):
        said = self.run_it('--port', '0').stdout
        self.assertIn('the moment it was there.', said)
        self.assertRegex(said, r'claude-sonnet-5 +ok +200 ')
        self.assertRegex(said, r'(?m)^quickstart +\w+ +1 ')
        self.assertIn('ANTHROPIC_BASE_URL', said)
        self.assertIn('config.toml', said)
        self.assertIn('GOOGLE_GEMINI_BASE_URL', said)
        self.assertEqual(len(self.pids()), 2)
        self.assertFalse(any(is_alive(pid) for pid in self.pids()))

    def test_a_second_run_keeps_key_and_books(self):
        self.run_it('--port', '0')
        with open(self.home + '/key', encoding='ascii') as file:
            key = file.read()
        said = self.run_it('--port', '0').stdout
        with open(self.home + '/key', encoding='ascii') as file:
            self.assertEqual(file.read(), key)
        self.assertRegex(said, r'(?m)^quickstart +\w+ +2 ')

    def test_what_it_keeps_is_private_and_the_key_is_nowhere_else(self):
        said = self.run_it('--port', '0')
        self.assertEqual(stat.S_IMODE(os.stat(self.home).st_mode), 0o700)
        self.assertEqual(
            stat.S_IMODE(os.stat(self.home + '/key').st_mode), 0o600)
        with open(self.home + '/key', encoding='ascii') as file:
            key = file.read()
        self.assertTrue(key.startswith('cr_'))
        self.assertNotIn(key, said.stdout + said.stderr)
        for path in glob.glob(self.home + '/**', recursive=True):
            if os.path.isfile(path) and path != self.home + '/key':
                with open(path, 'rb') as file:
                    self.assertNotIn(key.encode(), file.read(), path)

    def test_a_taken_port_is_told_with_a_way_out(self):
        with socket.create_server(('127.0.0.1', 0)) as taken:
            done = self.run_it('--port', str(taken.getsockname()[1]), status=1)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertIn('is taken', done.stderr)
        self.assertIn('--port', done.stderr)

    def test_a_wrong_word_is_told(self):
        self.assertIn('"x" is not a port',
                      self.run_it('--port', 'x', status=2).stderr)
        self.assertIn('no option', self.run_it('--prot', status=2).stderr)

    def test_kept_it_serves_the_next_run_until_the_told_command(self):
        said = self.run_it('--port', '0', '--keep').stdout
        command = re.search(r'To stop it: (kill [0-9 ]+)', said).group(1)
        self.kept = [int(word) for word in command.split()[1:]]
        self.assertEqual(len(self.kept), 2)
        self.assertTrue(all(is_alive(pid) for pid in self.kept))
        said = self.run_it('--port', '0').stdout
        self.assertIn('runs here already', said)
        self.assertRegex(said, r'(?m)^quickstart +\w+ +2 ')
        self.assertTrue(all(is_alive(pid) for pid in self.kept))
        subprocess.run(['sh', '-c', command], check=True)
        for pid in self.kept:
            wait_until(lambda: not is_alive(pid), 'the end of %d' % pid)

    def test_an_account_of_ones_own_ends_the_practice(self):
        self.run_it('--port', '0', '--keep')
        self.kept = self.pids()
        with open(self.home + '/practice.port', encoding='ascii') as file:
            port = file.read().strip()
        self.ctl('account', 'add', 'gemini-api', 'mine', '--url',
                 'http://127.0.0.1:' + port, '--allow-private', 'yes',
                 '--credential', '-', given='a-key-of-mine')
        said = self.run_it('--port', '0').stdout
        self.assertIn('account test mine', said)
        self.assertRegex(said, r'status +200')
        self.assertEqual([a['name'] for a in self.ctl('account', 'list')],
                         ['mine'])

    def test_an_interrupt_at_the_terminal_ends_all(self):
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(TREE)
            os.execvpe('sh', ['sh', 'contrib/quickstart.sh', '--no-install',
                              '--port', '0'], self.env)
        seen = b''
        while b'Ctrl-C' not in seen:
            seen += os.read(fd, 4096)
        ours = self.pids()
        self.assertTrue(all(is_alive(p) for p in ours), seen)
        os.write(fd, b'\x03')
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 130)
        os.close(fd)
        self.assertFalse(any(is_alive(p) for p in ours))


    def test_a_reader_who_leaves_ends_all(self):
        with subprocess.Popen(
                ['sh', 'contrib/quickstart.sh', '--no-install', '--port', '0'],
                cwd=TREE, env=self.env, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                text=True) as script:
            for line in script.stdout:
                if line.startswith('curl'):
                    break
            ours = self.pids()
            self.assertEqual(len(ours), 2)
            self.assertTrue(all(is_alive(pid) for pid in ours))
            script.stdout.close()
            self.assertNotEqual(script.wait(LIMIT), 0)
        self.assertFalse(any(is_alive(pid) for pid in ours))


class Install(Door):
    def make(self, *words):
        done = subprocess.run(
            ['make', 'PREFIX=/usr', 'DESTDIR=' + self.dir + '/root', *words],
            cwd=TREE, env=self.env, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=LIMIT, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def files(self):
        return sorted(
            os.path.relpath(path, self.dir + '/root')
            for path in glob.glob(self.dir + '/root/**', recursive=True)
            if not os.path.isdir(path))

    def test_what_is_installed_starts_from_there(self):
        self.make('install')
        root, conf = self.dir + '/root', self.dir + '/relayd.conf'
        good = subprocess.run(
            [root + '/usr/sbin/relayd', '-t', '-c',
             root + '/etc/relayd/relayd.conf'], env=self.env,
            capture_output=True, text=True, check=False)
        self.assertEqual(good.returncode, 0, good.stderr)
        with open(conf, 'w', encoding='ascii') as file:
            file.write('listen = 127.0.0.1:0\nstate_dir = %s/state\n'
                       'control = %s/run/control.sock\n'
                       % (self.dir, self.dir))
        with subprocess.Popen([root + '/usr/sbin/relayd', '-c', conf],
                              env=self.env, stderr=subprocess.PIPE,
                              text=True) as relayd:
            self.kept.append(relayd.pid)
            said = ''
            for line in relayd.stderr:
                said += line
                if ' ready ' in line:
                    break
            self.assertIn(' ready ', said)
            shown = subprocess.run(
                [root + '/usr/bin/relayctl', '--socket',
                 self.dir + '/run/control.sock', 'status'], env=self.env,
                capture_output=True, text=True, check=False)
            self.assertEqual(shown.returncode, 0, shown.stderr)
            self.assertIn(conf, shown.stdout)
            relayd.send_signal(signal.SIGTERM)
            relayd.stderr.read()
            self.assertEqual(relayd.wait(LIMIT), 0)

    def test_what_stands_in_texts_is_installed(self):
        self.make('install')
        root = self.dir + '/root'
        with open(root + '/usr/lib/systemd/system/relayd.service',
                  encoding='ascii') as file:
            unit = file.read()
        self.assertIn('ExecStart=/usr/sbin/relayd\n', unit)
        self.assertIn('StateDirectoryMode=0700\n', unit)
        for page in glob.glob(TREE + '/man/*.[1-8]'):
            self.assertTrue(os.path.exists(
                '%s/usr/share/man/man%s/%s'
                % (root, page[-1], os.path.basename(page))), page)

    def test_uninstall_leaves_the_configuration_only(self):
        self.make('install')
        self.make('uninstall')
        self.assertEqual(self.files(), ['etc/relayd/relayd.conf'])

    def test_an_edited_configuration_outlives_an_update(self):
        self.make('install')
        conf = self.dir + '/root/etc/relayd/relayd.conf'
        with open(conf, 'w', encoding='ascii') as file:
            file.write('max_body = 1M\n')
        self.make('install')
        with open(conf, encoding='ascii') as file:
            self.assertEqual(file.read(), 'max_body = 1M\n')


if __name__ == '__main__':
    sys.dont_write_bytecode = True
    unittest.main(verbosity=2)
