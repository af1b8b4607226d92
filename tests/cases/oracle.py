# SPDX-License-Identifier: MIT
"""oracle.py - what an answer must cost, computed apart from relayd.

Nothing here is shared with relayd/price*.c but the price file and what
relayctl(8) says of it: decimal fractions of any length, rounded once.
"""
import json
from decimal import ROUND_HALF_UP, Decimal
from fnmatch import fnmatchcase

TIERS = {"standard": "", "priority": "_priority", "flex": "_flex",
         "batch": "_batches"}
FIELDS = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cache_read": "cache_read_input_token_cost",
    "cache_write_5m": "cache_creation_input_token_cost",
    "cache_write_1h": "cache_creation_input_token_cost_above_1hr",
}
# What Anthropic charges for caches, in inputs.
PARTS = {"cache_read": Decimal("0.1"), "cache_write_5m": Decimal("1.25"),
         "cache_write_1h": Decimal(2)}
CLASSES = tuple(FIELDS)


class Usage(dict):
    """Tokens in classes that do not overlap, and how they were served."""

    def __init__(self, tier="standard", fast=False, us=False, searches=0,
                 **tokens):
        super().__init__({c: 0 for c in CLASSES} | tokens)
        self.tier, self.fast, self.us = tier, fast, us
        self.searches = searches

    def read(self):
        return sum(self[c] for c in CLASSES if c != "output")

    def share(self, part):
        """The same, had only that part of it been said."""
        said = Usage(self.tier, self.fast, self.us, self.searches, **self)
        said["output"] = int(self["output"] * part)
        return said


def half_up(value):
    return int(value.quantize(Decimal(1), ROUND_HALF_UP))


class Entry:
    def __init__(self, fields):
        self.fields = fields
        above = [int(k.split("_above_")[1].split("k_")[0]) * 1000
                 for k in fields if "k_tokens" in k]
        self.above = above[0] if above else None
        self.anthropic = fields.get("litellm_provider") == "anthropic"
        factors = fields.get("provider_specific_entry") or {}
        self.fast, self.us = factors.get("fast"), factors.get("us")

    def price(self, kind, tier, is_long):
        """A price of its own; else of a long input in a tier the dearer of
        what is stated of each; else the standard one; else what stands in."""
        field = FIELDS[kind]
        long_ = f"_above_{self.above // 1000}k_tokens" if is_long else ""
        stated = self.fields.get(field + long_ + TIERS[tier])
        if stated is not None:
            return stated
        each = [self.fields.get(f) for f in (field + long_,
                                             field + TIERS[tier])
                if f != field]
        each = [p for p in each if p is not None]
        if each:
            return max(each)
        if self.fields.get(field) is not None:
            return self.fields[field]
        if self.anthropic:
            return PARTS[kind] * self.price("input", tier, is_long)
        return self.price("cache_write_5m" if kind == "cache_write_1h"
                          else "input", tier, is_long)

    def search(self):
        stated = self.fields.get("search_context_cost_per_query")
        if stated:
            return stated["search_context_size_medium"]
        return Decimal("0.01") if self.anthropic else None

    def cost(self, usage):
        """Micro-dollars, and whether everything has a price."""
        is_long = self.above is not None and usage.read() > self.above
        factor = (self.fast or 1 if usage.fast else 1) * \
            (self.us or 1 if usage.us else 1)
        dollars = sum(self.price(c, usage.tier, is_long) * n
                      for c, n in usage.items()) * factor
        whole = bool((self.fast or not usage.fast) and
                     (self.us or not usage.us))
        if usage.searches:
            if self.search() is None:
                whole = False
            else:
                dollars += usage.searches * self.search()
        return half_up(Decimal(dollars) * 1000000), whole


class Prices:
    def __init__(self, *paths):
        self.entries = {}
        for path in paths:
            with open(path) as f:
                found = json.load(f, parse_float=Decimal, parse_int=Decimal)
            found.pop("sample_spec", None)
            self.entries.update({n.lower(): Entry(e)
                                 for n, e in found.items()})

    def find(self, model):
        model = model.lower()
        if model in self.entries:
            return self.entries[model]
        globs = [n for n in self.entries if "*" in n and fnmatchcase(model, n)]
        return self.entries[max(globs, key=len)] if globs else None

    def cost(self, model, usage):
        entry = self.find(model)
        return entry.cost(usage) if entry else (0, False)


def rated(micro, *rates):
    factor = Decimal(1)
    for r in rates:
        factor *= Decimal(r)
    return half_up(micro * factor)
