#!/bin/sh
# SPDX-License-Identifier: MIT
# quickstart.sh - from a checkout to an answer that streams through relayd.
#
# Builds it, keeps everything in one private folder, starts relayd there (and,
# while there is no account, the practice upstream, which plays all providers),
# makes a key, asks something, and says how to go on.
set -u

usage="usage: sh contrib/quickstart.sh [--port N] [--keep] [--no-install]
  --port N      where clients connect on 127.0.0.1 (3000; 0: any that is free)
  --keep        leave everything running, and say how to stop it
  --no-install  install no packages; say which are missing
Everything it keeps is in \$RELAYD_HOME, by default
\${XDG_DATA_HOME:-~/.local/share}/relayd-quickstart."

fail()
{
	echo "quickstart: $*" >&2
	exit 1
}

misused()
{
	echo "quickstart: $*" >&2
	echo "$usage" >&2
	exit 2
}

say()
{
	printf '\n%s\n' "$*"
}

# --- options -----------------------------------------------------------------

port=3000
keep=no
install=yes
while [ $# -gt 0 ]; do
	case $1 in
	--port)
		[ $# -gt 1 ] || misused "--port needs a number"
		port=$2
		shift
		;;
	--port=*) port=${1#--port=} ;;
	--keep) keep=yes ;;
	--no-install) install=no ;;
	-h | --help)
		echo "$usage"
		exit 0
		;;
	*) misused "there is no option $1" ;;
	esac
	shift
done
case $port in
'' | *[!0-9]* | ??????*) misused "\"$port\" is not a port" ;;
esac
[ "$port" -le 65535 ] || misused "\"$port\" is not a port"

tree=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1
cd "$tree" || exit 1
# shellcheck source=contrib/packages.sh
. contrib/packages.sh

# --- packages, programs --------------------------------------------------------

# shellcheck disable=SC2086
packages_install "$install" $packages_build $packages_demo || exit 1
for tool in make cc curl; do
	command -v "$tool" >/dev/null || fail "there is no $tool here"
done

# The folder of the one who is served; as root with a user relayd, to whom
# relayd steps down, one that this user can reach.
if [ -n "${RELAYD_HOME:-}" ]; then
	home=$RELAYD_HOME
elif [ "$(id -u)" = 0 ] && getent passwd relayd >/dev/null; then
	home=/var/lib/relayd-quickstart
elif [ -n "${XDG_DATA_HOME:-}${HOME:-}" ]; then
	home=${XDG_DATA_HOME:-$HOME/.local/share}/relayd-quickstart
else
	fail "no home directory is known: set HOME or RELAYD_HOME"
fi
case $home in
/*) ;;
*) fail "RELAYD_HOME has to be an absolute path, not $home" ;;
esac
# The name of a Unix socket has at most 107 bytes.
[ ${#home} -le 90 ] ||
	fail "$home is too long for a socket: set RELAYD_HOME to something shorter"
why=$({ mkdir -p "$home" && chmod 700 "$home"; } 2>&1) ||
	fail "$home cannot be made: ${why##*: }"

echo "building (the first time takes a minute)"
make -j"$(nproc 2>/dev/null || echo 2)" all >"$home/build.log" 2>&1 || {
	tail -n 15 "$home/build.log" >&2
	fail "the build failed; all it said is in $home/build.log"
}
umask 077
bin=$tree/build/release/bin
relayctl=$bin/relayctl
RELAYD_SOCKET=$home/control.sock
export RELAYD_SOCKET

# --- what is started is stopped, by its id ----------------------------------------

started=

stop()
{
	trap '' INT TERM HUP PIPE
	for pid in $started; do
		kill "$pid" 2>/dev/null
	done
	for pid in $started; do
		left=50
		while kill -0 "$pid" 2>/dev/null && [ $left -gt 0 ]; do
			left=$((left - 1))
			sleep 0.1
		done
		# Told twice, relayd ends at once.
		kill "$pid" 2>/dev/null
	done
	# shellcheck disable=SC2086
	[ -z "$started" ] || wait $started 2>/dev/null
	started=
}
trap 'stop' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
# Who reads along may stop reading.
trap 'exit 141' PIPE

# await PID SECONDS COMMAND... - until COMMAND succeeds, while PID lives.
await()
{
	await_pid=$1
	await_left=$(($2 * 20))
	shift 2
	until "$@"; do
		kill -0 "$await_pid" 2>/dev/null || return 1
		await_left=$((await_left - 1))
		[ $await_left -gt 0 ] || return 1
		sleep 0.05
	done
}

answers()
{
	"$relayctl" version >/dev/null 2>&1
}

# --- relayd --------------------------------------------------------------------

start_relayd()
{
	# No secret is in it, and relayd's own user reads it again on a reload.
	rm -f "$home/relayd.conf"
	(umask 022 && cat >"$home/relayd.conf") <<-EOF ||
		# written by quickstart.sh at every start; see relayd.conf(5)
		listen = 127.0.0.1:$port
		state_dir = $home/state
		control = $home/control.sock
	EOF
		fail "$home/relayd.conf cannot be written"
	setsid "$bin/relayd" -c "$home/relayd.conf" >"$home/relayd.log" 2>&1 \
		</dev/null &
	relayd=$!
	started="$started $relayd"
	if ! await $relayd 20 answers; then
		if grep -q 'Address already in use' "$home/relayd.log"; then
			fail "port $port is taken by another program; choose" \
				"one: sh contrib/quickstart.sh --port 3001"
		fi
		fail "relayd did not start: $(tail -n 1 "$home/relayd.log")"
	fi
	echo $relayd >"$home/relayd.pid"
}

relayd=
if answers; then
	relayd=$(cat "$home/relayd.pid" 2>/dev/null)
	echo "relayd runs here already (process ${relayd:-unknown}): using it"
else
	start_relayd
fi
address=$("$relayctl" status --json |
	sed -n 's/.*"listeners":\["\([^"]*\)".*/\1/p')
[ -n "$address" ] || fail "relayd does not say where it listens"
url=http://$address
echo "relayd serves $url"

# --- accounts: yours, or three that the practice upstream plays --------------------

accounts=$("$relayctl" account list --json) || fail "the accounts cannot be read"
names=$(printf '%s' "$accounts" | grep -o '"name":"[^"]*"' |
	sed 's/.*:"//; s/"//')
real=$(printf '%s\n' "$names" | grep -v '^practice-' | head -n 1)

practice_lives()
{
	[ -s "$home/practice.port" ] && curl -fso /dev/null --max-time 2 \
		"http://127.0.0.1:$(cat "$home/practice.port")/_practice/stats"
}

start_practice()
{
	rm -f "$home/practice.port"
	setsid "$bin/practice-upstream" --listen 127.0.0.1:0 \
		--port-file "$home/practice.port" >"$home/practice.log" 2>&1 \
		</dev/null &
	practice=$!
	started="$started $practice"
	await $practice 10 practice_lives ||
		fail "the practice upstream did not start:" \
			"$(tail -n 1 "$home/practice.log")"
	echo $practice >"$home/practice.pid"
}

# practice_account KIND NAME - made, or pointed to where the upstream is now.
practice_account()
{
	practice_url=http://127.0.0.1:$(cat "$home/practice.port")
	if printf '%s\n' "$names" | grep -qx "$2"; then
		"$relayctl" account set "$2" --url "$practice_url" &&
			"$relayctl" account reset "$2"
	else
		echo any-key-will-do | "$relayctl" account add "$1" "$2" \
			--url "$practice_url" --allow-private yes \
			--priority 100 --note 'made by quickstart.sh' \
			--credential -
	fi >/dev/null || fail "the account $2 cannot be made"
}

practice=
if [ -z "$real" ]; then
	if practice_lives; then
		practice=$(cat "$home/practice.pid" 2>/dev/null)
	else
		start_practice
	fi
	practice_account anthropic-compat practice-claude
	practice_account openai-compat practice-openai
	practice_account gemini-api practice-gemini
	echo "there is no account yet: the practice upstream plays the providers"
else
	# What is practised with must never answer for the real thing.
	for name in $(printf '%s\n' "$names" | grep '^practice-'); do
		"$relayctl" account rm "$name" >/dev/null ||
			fail "the account $name cannot be removed"
	done
fi

# --- a key, the same at every run ---------------------------------------------------

key_works()
{
	[ -s "$home/key" ] && "$relayctl" key find --value - --json \
		<"$home/key" 2>/dev/null | grep -q '"state":"active"'
}

make_key()
{
	# The name may be that of a key whose value is lost.
	for name in quickstart "quickstart-$(date +%s)"; do
		made=$("$relayctl" key create "$name" --json 2>/dev/null) && break
	done
	printf '%s' "$made" | sed -n 's/.*"value":"\([^"]*\)".*/\1/p' \
		>"$home/key"
	[ -s "$home/key" ] || fail "no key could be made: see" \
		"\`relayctl key create quickstart\`"
}

if key_works; then
	echo "the key of the last run is used again ($home/key)"
else
	make_key
	echo "a new key is kept in $home/key"
fi
key=$(cat "$home/key")

# --- an answer ------------------------------------------------------------------------

# The text of a stream's pieces, as they come.
show_text()
{
	while IFS= read -r line; do
		case $line in
		*'"text_delta","text":"'*)
			line=${line#*'"text":"'}
			printf '%s' "${line%%'"}'*}"
			;;
		*'"type":"error"'*) printf '%s' "$line" ;;
		esac
	done
	echo
}

ask_practice()
{
	text='Hello. Nobody thought about this: the practice upstream plays an'
	text="$text AI provider, and each word came through relayd"
	text="$text the moment it was there."
	cat <<-EOF
		{ "model": "claude-sonnet-5", "max_tokens": 64, "stream": true,
		  "messages": [ { "role": "user", "content":
		  "Hello! [[practice:events=32;interval=40;text=$(printf '%s' "$text" |
			sed 's/ /%20/g; s/,/%2C/g; s/:/%3A/g')]]" } ] }
	EOF
}



# The key goes to curl in a file, for a command line can be read by everybody.
if [ -z "$real" ]; then
	say "curl -N $url/v1/messages (model claude-sonnet-5, stream):"
	printf 'x-api-key: %s\n' "$key" >"$home/headers"
	seen=$("$relayctl" receipts --limit 1 --json)
	ask_practice | curl -sSN --max-time 60 -H "@$home/headers" \
		-H 'anthropic-version: 2023-06-01' \
		-H 'content-type: application/json' --data-binary @- \
		-w '\nhttp %{http_code}\n' "$url/v1/messages" |
		tee "$home/answer" | show_text
	rm -f "$home/headers"
	if ! grep -q '^http 200$' "$home/answer" ||
		! grep -q '^event: message_stop' "$home/answer"; then
		fail "that was not a whole answer; see $home/answer," \
			"$home/relayd.log"
	fi
	# The receipt is on its way to the store.
	booked()
	{
		[ "$("$relayctl" receipts --limit 1 --json)" != "$seen" ]
	}
	await "$relayd" 5 booked || fail "the answer has no receipt"
	say 'relayctl receipts --limit 1'
	"$relayctl" receipts --limit 1 2>/dev/null
else
	say "relayctl account test $real (a real answer, of a few tokens):"
	"$relayctl" account test "$real" ||
		echo "(see \`relayctl account test --help\`)"
fi
say 'relayctl usage --since today'
"$relayctl" usage --since today

# --- how to go on -----------------------------------------------------------------------

say "For the shells below:
export RELAYD_SOCKET='$RELAYD_SOCKET'
export PATH=\"$bin:\$PATH\"
export RELAY_KEY=\"\$(cat '$home/key')\""
for client in claude codex gemini; do
	say "# --- relayctl env $client"
	"$relayctl" env $client
done
if [ -z "$real" ]; then
	say "A real account, instead of the practice upstream (the credential is
typed, and not shown; the kinds are told by \`relayctl account kinds\`):
relayctl account add claude-api NAME
for n in claude openai gemini; do relayctl account rm practice-\$n; done"
fi

if [ $keep = yes ]; then
	started=
	say "All of it goes on running. To stop it: kill ${relayd}${practice:+ $practice}"
elif [ -z "$started" ]; then
	say "What ran before goes on running."
elif [ -t 0 ]; then
	say "Ctrl-C stops all of it; \`--keep\` leaves it running."
	# shellcheck disable=SC2086
	set -- $started
	wait "$1"
	fail "relayd or the practice upstream has ended: $(tail -n 1 "$home/relayd.log")"
fi
exit 0
