#!/bin/bash
# Runs in the bare Debian of scripts/bundle-check.sh: installs the bundle, and uses what it brought.
set -euo pipefail
cd "$HOME"
sitepose=$HOME/sitepose/bin/sitepose
step() { echo "== $*"; }
fail() { echo "not so: $*" >&2; exit 1; }

step "who and where"
[ "$(id -u)" -ne 0 ] || fail "not root"
command -v python3 && fail "no Python of the system's"
[ "$(grep -c : /proc/net/dev)" -eq 1 ] || fail "no network but the loopback"
echo "user $(id -u), $(ls /usr/bin | wc -l) programs, no network"

step "install"
/bundle/install.sh "$HOME/sitepose"

step "version"
"$sitepose" --version

step "doctor"
"$sitepose" doctor --disk "$HOME" | tee doctor.txt
grep -q "ok *GStreamer" doctor.txt || fail "GStreamer can be used"
[ -z "${DISPLAY:-}" ] || grep -q "ok *Qt *PyQt5 .*xcb" doctor.txt || fail "the window can be shown"

step "networks"
"$sitepose" models verify centernet movenet-thunder

step "a test source through GStreamer, recorded for three seconds"
"$sitepose" record test: --backend gstreamer --duration 3 --reserve 0 --output "$HOME/sessions"
"$sitepose" sessions verify "$HOME"/sessions/*

step "a run on that video"
"$sitepose" --video "$HOME"/sessions/*/video/000001.mkv --end 1 --output "$HOME/out"
[ "$(grep -c '"people"' "$HOME/out/000001/poses.jsonl")" -ge 20 ] || fail "a second of frames has its lines"
grep -q '"end":true' "$HOME/out/000001/poses.jsonl" || fail "the poses are complete"
[ -s "$HOME/out/000001/overlay.mp4" ] || fail "there is an overlay"

step "done"
