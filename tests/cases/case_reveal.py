# SPDX-License-Identifier: MIT
"""case_reveal.py - values of keys that can be seen again, in a whole daemon:
by whom, of which keys, and that they are nowhere in clear."""
import os
import resource
import signal
import subprocess

from house import Case, Refused, program
from speech import ANTHROPIC, ask


class Reveal(Case):
    before = staticmethod(lambda: resource.setrlimit(
        resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2))

    def setUp(self):
        super().setUp()
        for row in self.relay.control.rows("key.list"):
            if row["name"] != "case":
                self.relay.call("key.rm", key=row["id"])
        self.relay.call("key.purge", all=True)
        self.relay.set(reveal="off", self_keys_max=5, self_keys_template="")

    def ctl(self, *words, status=0):
        ran = subprocess.run(
            [program("relayctl"), "--socket", self.relay.socket, *words],
            capture_output=True, text=True, stdin=subprocess.DEVNULL)
        self.assertEqual(ran.returncode, status, ran.stdout + ran.stderr)
        return ran

    def value(self, key):
        return self.relay.call("key.reveal", key=key)["value"]

    def none(self, key):
        with self.assertRaises(Refused) as no:
            self.value(key)
        self.assertEqual(no.exception.code, "unknown")
        return str(no.exception)

    def off(self):
        return self.relay.call("setting.set", name="reveal", value="off")

    def revealed(self):
        return [row for row in self.relay.control.rows("audit.list")
                if row["method"] == "key_reveal"]

    def test_every_way_to_a_value_keeps_a_copy(self):
        old = self.relay.new_key("old")
        self.assertIn("relayctl set reveal sealed", self.none("old"))
        self.relay.set(reveal="sealed")
        self.assertIn("key rotate", self.none("old"))
        made = {"one": self.relay.new_key("one")}
        for row in self.relay.call("key.create", name="m", count=130)["made"]:
            made[row["name"]] = row["value"]
        self.relay.call("template.add", name="like")
        made["liked"] = self.relay.new_key("liked", like="like")
        made["own"] = self.relay.call("my.key.create", name="own")["value"]
        made["old"] = self.relay.call("key.rotate", key="old",
                                      grace="1h")["value"]
        made["own"] = self.relay.call("my.key.rotate", key="own")["value"]
        for name in ("one", "m-001", "m-130", "liked", "own", "old"):
            self.assertEqual(self.value(name), made[name])
        self.assertEqual(ask(self.relay, ANTHROPIC, key=old).status, 200)
        # Across a restart, and back from the trash.
        self.relay.call("key.rm", key="one")
        self.relay.stop()
        self.relay.start()
        self.none("one")
        self.relay.call("key.restore", key="one")
        self.assertEqual(self.value("one"), made["one"])
        self.relay.call("template.rm", template="like")
        # Off: they are wiped, and counted; keys work on.
        self.assertEqual(self.off()["wiped"], 134)
        self.assertEqual(self.off()["wiped"], 0)
        self.relay.set(reveal="sealed")
        self.none("one")
        self.assertEqual(ask(self.relay, ANTHROPIC,
                             key=made["one"]).status, 200)

    def test_what_is_purged_has_no_copy_any_more(self):
        self.relay.set(reveal="sealed")
        for name in ("a", "b", "c"):
            self.relay.new_key(name)
        self.relay.call("key.rm", key="a")
        self.relay.call("key.purge", key="a")
        self.assertEqual(self.off()["wiped"], 2)

    def test_at_the_terminal(self):
        self.relay.set(reveal="sealed")
        ran = self.ctl("key", "create", "t")
        self.assertIn("sealed copy", ran.stderr)
        self.assertNotIn("kept nowhere", ran.stderr)
        value = ran.stdout
        seen = len(self.revealed())
        self.assertEqual(self.ctl("key", "reveal", "t").stdout, value)
        ran = self.ctl("key", "reveal", "t", "--env", "claude")
        self.assertIn(value.strip(), ran.stdout)
        self.assertIn("ANTHROPIC_BASE_URL", ran.stdout)
        rows = self.revealed()
        self.assertEqual(len(rows), seen + 2)
        kid = self.relay.call("key.show", key="t")["id"]
        self.assertEqual((rows[0]["object"], rows[0]["uid"]),
                         (kid, os.getuid()))
        said = self.ctl("set", "reveal", "off").stdout
        self.assertRegex(said, r"copies wiped:?\s+1\b")
        ran = self.ctl("key", "reveal", "t", status=1)
        self.assertEqual(ran.stdout, "")
        self.assertIn("reveal sealed", ran.stderr)
        self.assertEqual(len(self.revealed()), seen + 2)

    def nowhere(self, what, data, values):
        for value in values:
            self.assertNotIn(value.encode(), data, what)
            # Nor without what all of them begin with.
            self.assertNotIn(value[3:40].encode(), data, what)

    def state(self, values):
        seen = 0
        for at, _, names in os.walk(self.relay.dir):
            for name in names:
                path = os.path.join(at, name)
                if os.path.isfile(path):
                    seen += 1
                    with open(path, "rb") as f:
                        self.nowhere(name, f.read(), values)
        self.assertGreater(seen, 2)

    def test_the_values_are_nowhere_in_clear(self):
        self.relay.set(reveal="sealed")
        values = [r["value"] for r in
                  self.relay.call("key.create", name="c", count=70)["made"]]
        values.append(self.relay.call("key.rotate", key="c-07")["value"])
        for n in (7, 8):
            self.value(f"c-{n:02}")
        self.assertEqual(ask(self.relay, ANTHROPIC,
                             key=values[-1]).status, 200)
        for method in ("audit.list", "key.list", "key.trash"):
            self.relay.control.rows(method)
        self.relay.at_rest()
        self.nowhere("the log", self.relay.log().encode(), values)
        self.nowhere("the control socket", self.relay.control.seen, values)
        self.state(values)
        self.off()
        self.state(values)
        self.relay.set(reveal="sealed")
        self.relay.call("key.rotate", key="c-09")
        self.value("c-09")
        self.relay.kill(signal.SIGABRT)
        self.relay.ended()
        self.state(values)
        self.assertEqual([f for f in os.listdir(self.relay.dir) +
                          os.listdir(".") + os.listdir(self.relay.state)
                          if f.startswith("core")], [])
        self.nowhere("all logs", self.relay.all_log.encode(), values)
        self.relay.start()
        self.value("c-09")
