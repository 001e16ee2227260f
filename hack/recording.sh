#!/usr/bin/env bash
# Records the line of the README on a terminal, against the demo, and draws docs/recording.svg
# from that. The stand-in for tccli prints what CreateListener answers; all else is real.
# `make recording` runs it.
set -euo pipefail
cd "$(dirname "$0")/.."

for tool in asciinema npx; do
	command -v "$tool" >/dev/null || { echo "recording: there is no $tool: install asciinema and npm (Debian has packages)" >&2; exit 1; }
done
work=$(mktemp -d)
bin/demo --manager bin/manager --keep >"$work/demo.log" &
demo=$!
trap 'kill "$demo" 2>/dev/null && wait "$demo" || true; rm -rf "$work"' EXIT
until grep -q '^export KUBECONFIG=' "$work/demo.log"; do
	kill -0 "$demo" || { cat "$work/demo.log" >&2; exit 1; }
	sleep 1
done
eval "$(grep '^export KUBECONFIG=' "$work/demo.log")"

cat >"$work/tccli" <<'END'
#!/bin/sh
sleep 1
echo '{"ListenerIds": ["lbl-m2q7c0xd"], "RequestId": "8c1f0e7a-5d3b-4b6e-9a43-d0b8a2f7c915"}'
END
cat >"$work/screen" <<'END'
run() {
	printf '$ %s\n' "$1"
	sleep 1
	eval "$1"
}
run 'tccli clb CreateListener --region ap-guangzhou ... | kubectl clbtask track - --region ap-guangzhou --wait'
run 'echo $?'
printf '$ '
sleep 5     # The end stays to be read, before it begins again.
printf ' '
END
chmod +x "$work/tccli"
PATH="$work:$PWD/bin:$PATH" asciinema rec --quiet --overwrite --cols 108 --rows 7 --command "bash '$work/screen'" "$work/cast" </dev/null
npx --yes svg-term-cli@2.1.1 --in "$work/cast" --out docs/recording.svg --window --no-cursor
echo "docs/recording.svg: $(wc -c <docs/recording.svg) bytes"
