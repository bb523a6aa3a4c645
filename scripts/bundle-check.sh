#!/usr/bin/env bash
# Install a bundle as nobody in particular in a bare Debian without a network, and use it there.
# Making that Debian needs root rights and a package mirror; nothing of this machine is changed.
set -euo pipefail
bundle=$(cd "${1:?usage: scripts/bundle-check.sh FOLDER, as made by scripts/bundle.sh}" && pwd)
cd "$(dirname "$0")/.."
[ "$(id -u)" -eq 0 ] || { echo "needs root rights: chroot, mounts and a network of its own" >&2; exit 1; }

root=$(mktemp -d)
screen=
trap '[ -z "$screen" ] || kill "$screen"; rm -rf "$root"' EXIT

# Nothing but what every Debian has, unpacked: neither Python nor a library of ours is among it.
bare_debian() {
    local packages base
    mkdir -p "$root"/{packages,usr/{bin,sbin,lib,lib64}}
    for folder in bin sbin lib lib64; do ln -s "usr/$folder" "$root/$folder"; done
    : >"$root/packages/nothing-installed"
    packages=$(apt-cache dumpavail | awk -v RS= '/(^|\n)(Essential: yes|Priority: required)(\n|$)/ {print $2}' | sort -u)
    base=$(apt-get install --simulate --no-install-recommends -o "Dir::State::status=$root/packages/nothing-installed" \
        $packages apt | awk '/^Inst / {print $2}')
    (cd "$root/packages" && apt-get download -qq -o APT::Sandbox::User=root $base >/dev/null)
    for package in "$root"/packages/*.deb; do dpkg-deb --extract "$package" "$root"; done
    rm -r "$root/packages"
    mkdir -p "$root"/{proc,dev,tmp,bundle,home/user,tmp/.X11-unix}
    cp packaging/bundle/check.sh "$root/check.sh"
    chmod 1777 "$root/tmp"
    chown 65534:65534 "$root/home/user"
    echo "user:x:65534:65534::/home/user:/bin/sh" >"$root/etc/passwd"
}

# A screen of this machine, seen through its socket: that needs no network.
start_screen() {
    command -v Xvfb >/dev/null || return 0
    exec 3< <(exec Xvfb -displayfd 1 -screen 0 1280x800x24 -nolisten tcp 2>/dev/null)
    screen=$!
    read -r -t 20 number <&3 || true
}

bare_debian
start_screen
unshare --mount --net --pid --ipc --fork bash -euc '
    root=$1 bundle=$2 number=$3
    mount --bind "$bundle" "$root/bundle" && mount -o remount,bind,ro "$root/bundle"
    mount -t proc proc "$root/proc"
    mount -t tmpfs tmpfs "$root/dev"
    for device in null zero full random urandom; do touch "$root/dev/$device" && mount --bind "/dev/$device" "$root/dev/$device"; done
    mkdir "$root/dev/shm" && mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
    [ -z "$number" ] || mount --bind /tmp/.X11-unix "$root/tmp/.X11-unix"
    exec chroot "$root" /usr/bin/env -i PATH=/usr/bin:/bin HOME=/home/user ${number:+DISPLAY=:$number} \
        setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs /bin/bash /check.sh
' - "$root" "$bundle" "${number:-}"
