# SPDX-License-Identifier: MIT
"""case_users.py - several people at one relayd: the control socket is opened
by processes of other users, as it is on a host."""
import grp
import json
import os
import pwd
import re
import subprocess
import threading
import unittest

from house import Case, Refused, program, until
from speech import ALL, ANTHROPIC, ask, ask_bytes
from practice import Answer

IS_ROOT = os.geteuid() == 0
NEED_ROOT = "only root can become somebody else"


def two_people():
    """Two users of this host who have nothing to do with it."""
    return [p for p in pwd.getpwall() if 0 < p.pw_uid < 65534][:2]


def some_group():
    """A group that can open the socket, and that none of the two is in."""
    own = {p.pw_gid for p in two_people()}
    return next(g for g in grp.getgrall() if g.gr_gid and g.gr_gid not in own)


class Users(Case):
    conf = {"control_group": some_group().gr_name} if IS_ROOT else {}
    accounts = 1

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.alice, cls.bob = two_people()
        # They must get to the socket, and to nothing else.
        os.chmod(cls.relay.dir, 0o711)
        cls.binary = os.open(program("relayctl"), os.O_RDONLY)
        cls.addClassCleanup(os.close, cls.binary)

    def setUp(self):
        super().setUp()
        self.relay.set(self_keys_max=3)

    def tearDown(self):
        for user in self.relay.control.rows("user.list"):
            self.relay.call("user.enable", user=user["user"])
        for key in self.relay.control.rows("key.list"):
            if key["name"] != "case":
                self.relay.call("key.rm", key=key["id"])
        for name in ("self_keys_max", "self_keys_template", "self_keys_rm"):
            self.relay.call("setting.unset", name=name)

    def start(self, person, *words, groups=None):
        """relayctl as that person; as ourselves without one.  It is run from
        its descriptor: they need not get to where it was built."""
        def become():
            os.setgroups([some_group().gr_gid] if groups is None else groups)
            os.setgid(person.pw_gid)
            os.setuid(person.pw_uid)
        return subprocess.Popen(
            ["relayctl", "--socket", self.relay.socket, *words],
            executable=f"/proc/self/fd/{self.binary}",
            pass_fds=(self.binary,), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            cwd="/", env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            preexec_fn=become if person else None)

    def ctl(self, person, *words, status=0, **more):
        p = self.start(person, *words, **more)
        out, err = p.communicate()
        self.assertEqual(p.returncode, status, out + err)
        return out if status == 0 else err

    def data(self, person, *words):
        return json.loads(self.ctl(person, "--json", *words))

    def new(self, person, name, *more):
        return self.ctl(person, "my", "key", "create", name, *more).strip()

    def status(self, value, dialect=ANTHROPIC):
        return ask(self.relay, dialect, key=value).status

    # --- people

    @unittest.skipUnless(IS_ROOT, NEED_ROOT)
    def test_a_person_sees_their_own_sessions_and_moves_none(self):
        headers = [("session-id", "s")]
        for value in self.new(self.alice, "laptop"), self.relay.key:
            self.assertEqual(ask(self.relay, ANTHROPIC, key=value,
                                 headers=headers).status, 200)
        own, = self.data(self.alice, "sticky", "ls")
        self.assertEqual(own["key"], "laptop")
        self.assertGreater(len(self.data(None, "sticky", "ls")), 1)
        self.assertEqual(self.data(self.alice, "sessions"), [])
        for words in (("sticky", "clear"), ("sticky", "pin", own["session"],
                                            "a1"), ("kill", "req_x")):
            self.assertIn("role ops", self.ctl(self.alice, *words, status=4))

    @unittest.skipUnless(IS_ROOT, NEED_ROOT)
    def test_a_person_makes_a_key_uses_it_and_sees_only_that(self):
        value = self.new(self.alice, "laptop")
        before = self.data(self.alice, "my")["today_requests"]
        self.assertEqual(self.status(value), 200)
        until("a row of usage", lambda: self.data(
            self.alice, "my", "usage")["rows"])
        mine = self.data(self.alice, "my")
        self.assertEqual((mine["uid"], mine["role"], mine["keys"]),
                         (self.alice.pw_uid, "self", 1))
        self.assertEqual(mine["rows"][0]["owner"], f"uid:{self.alice.pw_uid}")
        until("a request of today", lambda: self.data(
            self.alice, "my")["today_requests"] == before + 1)
        # For him it is not there, and nor is its use.
        self.assertEqual(self.data(self.bob, "my", "keys"), [])
        self.assertEqual(self.data(self.bob, "my", "usage")["rows"], [])
        hers = mine["rows"][0]["id"]
        for words in (("my", "key", "show"), ("key", "show"),
                      ("my", "key", "rotate"), ("my", "key", "disable")):
            for name in (hers, "laptop"):
                there = self.ctl(self.bob, *words, name, status=1)
                nobody = self.ctl(self.bob, *words, "x" * len(name), status=1)
                self.assertEqual(there.replace(name, "x" * len(name)), nobody)
        self.assertEqual(self.status(value), 200)
        spent = self.data(self.alice, "receipts", "--key", hers)[0]["id"]
        self.assertIn(spent, self.ctl(self.alice, "usage", "explain", spent))
        self.assertEqual(
            self.ctl(self.bob, "usage", "explain", spent, status=1),
            self.ctl(self.bob, "usage", "explain", "req_" + "0" * 26,
                     status=1))
        # Without a word it is shown what is theirs.
        self.assertIn("laptop", self.ctl(self.alice))
        self.assertNotIn("laptop", self.ctl(self.bob))
        # And what is not a person's is not to be had at all.
        for words in (("status",), ("key", "create", "x"), ("user", "ls"),
                      ("account", "ls"), ("set", "self_keys_max", "9"),
                      ("audit", "ls"), ("key", "rm", hers)):
            self.ctl(self.alice, *words, status=4)

    @unittest.skipUnless(IS_ROOT, NEED_ROOT)
    def test_a_new_key_comes_with_the_settings_of_its_client(self):
        said = self.ctl(self.alice, "my", "key", "create", "laptop", "--env",
                        "claude")
        self.assertIn(f"127.0.0.1:{self.relay.ports[0]}", said)
        value = re.search(r"cr_\w+", said)[0]
        self.assertEqual(self.status(value), 200)
        again = self.ctl(self.alice, "my", "key", "rotate", "laptop", "--env",
                         "claude")
        self.assertEqual(self.status(re.search(r"cr_\w+", again)[0]), 200)
        # What goes wrong then does not take the value with it.
        p = self.start(self.alice, "my", "key", "create", "other", "--env",
                       "claude", "--url", "http://" + "x" * 3000)
        out, err = p.communicate()
        self.assertEqual(p.returncode, 1, err)
        self.assertEqual(self.status(out.strip()), 200)

    @unittest.skipUnless(IS_ROOT, NEED_ROOT)
    def test_who_is_not_in_the_group_does_not_get_in(self):
        said = self.ctl(self.alice, "my", status=4, groups=[])
        self.assertIn("may not open", said)

    @unittest.skipUnless(IS_ROOT, NEED_ROOT)
    def test_limits_hold_when_many_ask_at_once(self):
        self.relay.call("key.create", name="people", rate="2", tags="staff",
                        expires="10d")
        self.relay.set(self_keys_template="people")
        started = [self.start(self.alice, "my", "key", "create", f"n{i}")
                   for i in range(6)]
        ended = [p.communicate() and p.returncode for p in started]
        self.assertEqual(sorted(ended), [0, 0, 0, 1, 1, 1])
        rows = self.data(self.alice, "my", "keys")
        self.assertEqual(len(rows), 3)
        self.assertEqual({(k["rate"], k["tags"], k["self_made"])
                          for k in rows}, {("2", "staff", True)})
        self.ctl(self.alice, "my", "key", "rm", rows[0]["id"], status=4)
        self.relay.set(self_keys_rm="yes")
        self.ctl(self.alice, "my", "key", "rm", rows[0]["id"])
        self.ctl(self.alice, "my", "key", "create", "late", "--expires",
                 "never", status=4)
        self.new(self.alice, "late", "--expires", "1d")

    @unittest.skipUnless(IS_ROOT, NEED_ROOT)
    def test_what_they_do_is_in_the_audit_by_name(self):
        self.new(self.alice, "laptop")
        said = self.ctl(None, "audit", "ls", "--limit", "1")
        self.assertIn(self.alice.pw_name, said)
        self.assertIn("my key create", said)
        row = self.relay.call("audit.list", limit=1)[0]
        self.assertEqual(row["uid"], self.alice.pw_uid)

    @unittest.skipUnless(IS_ROOT, NEED_ROOT)
    def test_a_disabled_person_is_refused_as_a_whole(self):
        one, two = self.new(self.alice, "one"), self.new(self.alice, "two")
        his = self.new(self.bob, "one")
        self.ctl(self.alice, "my", "key", "disable", "two")
        self.ctl(None, "user", "disable", self.alice.pw_name, "has left")
        for dialect in ALL:
            a = ask(self.relay, dialect, key=one)
            self.assertEqual(a.status, 401, dialect)
            self.assertIn(b"owner of this API key is disabled", a.body)
            self.assertEqual(a.header("x-should-retry"), "false")
        self.assertEqual(self.status(his), 200)
        self.ctl(self.alice, "my", "key", "create", "three", status=4)
        self.assertIn("disabled", self.ctl(self.alice, "my"))
        said = self.ctl(None, "user", "ls")
        self.assertIn(self.alice.pw_name, said)
        self.assertIn("has left", said)

        # It lasts.
        self.assertEqual(self.relay.stop(), 0)
        self.relay.start()
        self.assertEqual(self.status(one), 401)
        self.ctl(None, "user", "enable", self.alice.pw_name)
        self.assertEqual(self.status(one), 200)
        self.assertEqual(self.status(two), 401)

    # --- owners

    def test_owners_are_numbers_there_and_names_here(self):
        name, uid = self.alice.pw_name, f"uid:{self.alice.pw_uid}"
        for said, kept in ((name, uid), ("@" + name, uid), (uid, uid),
                           (str(self.alice.pw_uid), uid),
                           ("987654321", "uid:987654321"),
                           ("=the team", "the team")):
            self.ctl(None, "key", "create", "k", "--owner", said)
            self.assertEqual(self.relay.call("key.show", key="k")["owner"],
                             kept, said)
            shown = name if kept == uid else kept
            for words in (("key", "show", "k"), ("key", "ls"),
                          ("key", "ls", "--owner", said), ("user", "ls"),
                          ("user", "show", said)):
                self.assertIn(shown, self.ctl(None, *words), words)
            self.relay.call("key.rm", key="k")
        for said in ("no-such-user-here", "@no-such-user-here"):
            err = self.ctl(None, "key", "create", "k", "--owner", said,
                           status=2)
            self.assertIn("no user no-such-user-here", err)
        # Owners that came otherwise can still be asked for.
        self.relay.call("key.create", name="k", owner="imported")
        self.assertIn("imported", self.ctl(None, "user", "show", "imported"))
        self.ctl(None, "user", "disable", "imported")
        self.assertEqual(self.relay.call("key.show", key="k")["state"],
                         "owner-disabled")

    def test_usage_and_receipts_tell_people_by_name(self):
        name = self.alice.pw_name
        value = self.ctl(None, "key", "create", "k", "--owner", name).strip()
        self.relay.receipt(ask(self.relay, ANTHROPIC, key=value))
        for words in (("usage", "--by", "user"), ("usage", "--by", "user", "--user", name),
                      ("usage", "--by", "user", "--name", name),
                      ("receipts", "--key", "k")):
            said = self.ctl(None, *words)
            self.assertIn(name, said, words)

    def test_limits_of_people_are_said_by_name(self):
        name = self.alice.pw_name
        self.ctl(None, "key", "create", "k", "--owner", name)
        self.ctl(None, "budget", "add", "user:" + name, "--limit", "5 usd",
                 "--per", "day")
        row = self.relay.call("budget.list")[0]
        self.addCleanup(self.relay.call, "budget.rm", budget=row["id"])
        self.assertEqual(row["of"], f"user uid:{self.alice.pw_uid}")
        for words in (("ls",), ("show", row["id"]),
                      ("ls", "--scope", "user")):
            self.assertIn("user " + name, self.ctl(None, "budget", *words))

    def test_one_like_another(self):
        self.relay.call("key.create", name="a", rate="2", tags="t", note="n",
                        owner="o")
        value = self.ctl(None, "key", "create", "b", "--like", "a", "--note",
                         "own").strip()
        made = self.relay.call("key.show", key="b")
        self.assertEqual([made[f] for f in ("rate", "tags", "note", "owner")],
                         ["2", "t", "own", "o"])
        self.assertEqual(self.status(value), 200)

    # --- new values

    def begin(self, value):
        """A request whose head is in, and whose body is not yet whole."""
        data = ask_bytes(value, ANTHROPIC)
        s = self.relay.connect()
        s.sendall(data[:-10])
        until("a request under way", lambda: self.relay.call(
            "key.show", key="k")["in_flight"] == 1)
        return s, data[-10:]

    def test_rotation_spares_the_requests_under_way(self):
        old = self.relay.new_key("k")
        s, rest = self.begin(old)
        new = self.ctl(None, "key", "rotate", "k").strip()
        self.assertEqual(self.status(old), 401)
        self.assertEqual(self.status(new), 200)
        with s:
            s.sendall(rest)
            self.assertEqual(Answer(s).status, 200)
        self.relay.at_rest()
        self.assertEqual(self.relay.call("key.show", key="k")["in_flight"], 0)

    def test_rotation_with_a_grace_serves_both(self):
        first = self.relay.new_key("k")
        second = self.ctl(None, "key", "rotate", "k", "--grace", "1d").strip()
        self.assertEqual([self.status(v) for v in (first, second)],
                         [200, 200])
        said = self.ctl(None, "key", "show", "k")
        self.assertIn("..." + first[-4:], said)
        # The grace is of the values, not of this run.
        self.assertEqual(self.relay.stop(), 0)
        self.relay.start()
        self.assertEqual([self.status(v) for v in (first, second)],
                         [200, 200])
        third = self.ctl(None, "key", "rotate", "k", "--grace", "1d").strip()
        self.assertEqual([self.status(v) for v in (first, second, third)],
                         [401, 200, 200])
        # Once it is over, it is over.
        fourth = self.ctl(None, "key", "rotate", "k", "--grace",
                          "1ms").strip()
        until("the end of the grace", lambda: self.status(third) == 401)
        self.assertEqual(self.status(fourth), 200)
        self.assertNotIn(third[-4:], self.ctl(None, "key", "show", "k"))

    def test_rotation_under_load_refuses_no_good_value(self):
        """While clients go on with the value they have, it changes again and
        again, each time with a grace: nobody notices."""
        values, answers = [self.relay.new_key("k")], []
        over = threading.Event()

        def client():
            while not over.is_set():
                answers.append(self.status(values[-1]))
        clients = [threading.Thread(target=client) for _ in range(4)]
        for t in clients:
            t.start()
        for _ in range(10):
            seen = len(answers)
            until("answers", lambda: len(answers) > seen + 8)
            values.append(self.relay.call("key.rotate", key="k",
                                          grace="1d")["value"])
        over.set()
        for t in clients:
            t.join()
        self.assertEqual(set(answers), {200})

    def test_a_person_sees_no_values(self):
        value = self.relay.new_key("k")
        seen = self.ctl(None, "--json", "key", "show", "k")
        self.assertNotIn(value, seen)
        self.assertNotIn("hash", seen)
        with self.assertRaises(Refused):
            self.relay.call("key.rotate", key="k", grace="31d")
