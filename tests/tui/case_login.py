# SPDX-License-Identifier: MIT
"""case_login.py - signing in to a provider by the wizard of relay-tui."""
from case_oauth import LONG, House
from screens import SIZES, play


class Wizard(House):
    def play(self, *lines, **options):
        return play(self.relay.socket, *lines, **options)

    def fill(self, name):
        """The form of a Claude subscription."""
        return ("key 3", "settle", "key a", "wait-for claude-oauth",
                "text /claude-oauth", "key Enter Enter", "wait-for auth-url",
                "paste " + name)

    def answer(self, begun):
        page = self.say_yes(begun["url"])
        self.up.script([{"path": "*/oauth/token", "do": LONG}])
        return page["paste"]

    def test_a_sign_in_is_shown_and_gone_on_with(self):
        begun = self.begin()
        for size in SIZES:
            for locale, word in (("C.UTF-8", "Open this address"),
                                 ("zh_CN.UTF-8", "打开")):
                rows = self.play("key 3", "settle", "key L", "wait-for c",
                                 "settle", "key Enter", "settle", "dump",
                                 size=size, locale=locale)
                self.assertIn(word, "".join(rows))
                self.assertIn(begun["url"], "".join(r for r in rows))
        rows = self.play("key 3", "settle", "key L", "wait-for claude-oauth",
                         "key Enter", "wait-for Open this", "settle",
                         "key C-y", "dump clipboard")
        self.assertIn(begun["url"], "\n".join(rows))

    def test_the_address_is_a_code_to_be_read_by_a_telephone(self):
        self.begin()
        rows = self.play("key 3", "settle", "key L", "wait-for claude-oauth",
                         "key Enter", "wait-for Open this", "key C-r", "dump",
                         size=(200, 60))
        self.assertIn("\u2580", "".join(rows))
        small = self.play("key 3", "settle", "key L", "wait-for claude-oauth",
                          "key Enter", "wait-for Open this", "key C-r", "dump",
                          "key PgDn", "dump")
        self.assertIn("PgDn", small[-2])

    def test_what_was_pasted_signs_in(self):
        begun = self.begin()
        rows = self.play("key 3", "settle", "key L", "wait-for claude-oauth",
                         "key Enter", "wait-for Open this", "settle",
                         "text abc#wrong", "key Enter", "settle", "dump")
        self.assertNotIn("Signed in", "".join(rows))
        paste = self.answer(begun)
        rows = self.play("key 3", "settle", "key L", "wait-for claude-oauth",
                         "key Enter", "wait-for Open this", "settle",
                         "paste " + paste + r"\n", "key Enter",
                         "wait-for Signed in", "dump", "key Enter",
                         "wait-for created")
        self.assertEqual(self.account()["state"], "ready")

    def test_an_account_is_signed_in_to_again(self):
        self.sign_in()
        rows = self.play("key 3", "settle", "key Enter", "wait-for created",
                         "key A", "wait-for Open this", "settle", "dump")
        self.assertIn("http", "".join(rows))
        begun = self.relay.call("oauth.resume")
        paste = self.answer(begun)
        self.play("key 3", "settle", "key L", "wait-for claude-oauth",
                  "key Enter", "wait-for Open this", "settle",
                  "paste " + paste, "key Enter", "wait-for Signed in")

    def test_one_is_given_up(self):
        self.begin()
        self.play("key 3", "settle", "key L", "wait-for claude-oauth",
                  "key Enter", "wait-for Open this", "key C-x",
                  "wait-for given up")
        self.assertEqual(self.relay.call("oauth.list"), [])

    def test_the_form_of_such_a_kind_begins_one(self):
        self.play(*self.fill("new"), "key C-s", "wait-for Open this", "dump")
        self.assertEqual([l["name"] for l in self.relay.call("oauth.list")],
                         ["new"])
