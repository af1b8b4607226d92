# SPDX-License-Identifier: MIT
# suite.sh - run suites of tests one after the other, count, and sum up.
# Sourced by check.sh and .ci/run.
# shellcheck shell=sh

suite_passed=0
suite_failed=0
# One output per suite is kept here.
suite_logs=${suite_logs:-build/check}

# suite_count FILE - "PASSED FAILED" as the tools in it said: cmocka, the replay
# of the fuzz corpus, python's unittest, and suites that were summed up before.
suite_count()
{
	awk '
	/\[  PASSED  \] [0-9]+ test/ { passed += after("\\[  PASSED  \\] ") }
	/\[  FAILED  \] [0-9]+ test/ { failed += after("\\[  FAILED  \\] ") }
	/^fuzz_[a-z0-9_]+: [0-9]+ inputs$/ { passed += $2 }
	/^fuzz_[a-z0-9_]+: (failed|no corpus)/ { failed++ }
	/^Ran [0-9]+ tests? in / { ran = $2; passed += ran }
	/^(OK|FAILED) \(/ {
		bad = count("failures") + count("errors") + \
		    count("unexpected successes")
		failed += bad
		passed -= bad + count("skipped")
	}
	/^[0-9]+ passed, [0-9]+ failed$/ { sum_p = $1; sum_f = $3 }
	function after(what) {
		match($0, what)
		return substr($0, RSTART + RLENGTH) + 0
	}
	function count(what) {
		if (!match($0, "(^|[ (])" what "=[0-9]+"))
			return 0
		what = substr($0, RSTART, RLENGTH)
		sub(/.*=/, "", what)
		return what + 0
	}
	END {
		if (sum_p + sum_f) { passed = sum_p; failed = sum_f }
		print passed + 0, failed + 0
	}' "$1"
}

# suite NAME COMMAND... - run it, whatever became of those before.  What counts
# nothing itself is one test; what fails without saying so has one failure.
suite()
{
	suite_name=$1
	shift
	mkdir -p "$suite_logs"
	suite_log=$suite_logs/$(printf %s "$suite_name" | tr -c 'a-z0-9\n' _)
	suite_began=$(date +%s)
	"$@" >"$suite_log" 2>&1 </dev/null
	suite_status=$?
	# shellcheck disable=SC2046
	set -- $(suite_count "$suite_log")
	if [ $suite_status -ne 0 ] && [ "$2" -eq 0 ]; then
		set -- "$1" 1
	elif [ $suite_status -eq 0 ] && [ $(($1 + $2)) -eq 0 ]; then
		set -- 1 0
	fi
	suite_passed=$((suite_passed + $1))
	suite_failed=$((suite_failed + $2))
	printf '%-28s %5d passed, %d failed %6d s\n' "$suite_name" "$1" "$2" \
		$(($(date +%s) - suite_began))
	if [ "$2" -gt 0 ]; then
		echo "--- $suite_name: the end of $suite_log"
		tail -n "${suite_tail:-60}" "$suite_log"
		echo "---"
	fi
}

# suite_sum - the last line, and the exit status.
suite_sum()
{
	echo "$suite_passed passed, $suite_failed failed"
	[ $suite_failed -eq 0 ] && [ $suite_passed -gt 0 ]
}
