#!/usr/bin/env bash
# Install Sitepose from this folder; needs neither a network nor root rights.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
default=${HOME:-/root}/.local/share/sitepose
[ "$(id -u)" -ne 0 ] || default=/opt/sitepose
prefix=${1:-$default}
case $prefix in -*) echo "usage: $0 [FOLDER]   default: $default" >&2; exit 2 ;; esac

command -v dpkg-deb >/dev/null || { echo "dpkg is missing: this bundle is for Debian 12" >&2; exit 1; }
architecture=$(dpkg --print-architecture)
[ -e "$here"/debs/python3.11_*_"$architecture".deb ] || { echo "this bundle is not for $architecture" >&2; exit 1; }
if [ -e "$prefix" ] && [ ! -e "$prefix/bin/sitepose" ] && [ -n "$(ls -A "$prefix")" ]; then
    echo "$prefix is there, and is no Sitepose: name another folder, or remove it" >&2
    exit 1
fi

echo "checking the bundle"
(cd "$here" && sha256sum --check --quiet --strict SHA256SUMS)

# What was installed before goes away only when the bundle is known to be whole.
rm -rf "$prefix/system" "$prefix/python" "$prefix/networks" "$prefix/bin"
mkdir -p "$prefix"/{system,bin}
prefix=$(cd "$prefix" && pwd)

echo "system libraries"
for package in "$here"/debs/*.deb; do dpkg-deb --extract "$package" "$prefix/system"; done
fonts=$prefix/system/etc/fonts/sitepose.conf
mkdir -p "${fonts%/*}"
cat >"$fonts" <<END
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>/usr/share/fonts</dir>
  <dir>$prefix/system/usr/share/fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
END

echo "Python packages"
sed "s|@PREFIX@|$prefix|g" "$here/sitepose.sh" >"$prefix/bin/sitepose"
chmod +x "$prefix/bin/sitepose"
run() { SITEPOSE_RUN=1 "$prefix/bin/sitepose" "$@"; }
run "$prefix/system/usr/bin/python3.11" -m venv --without-pip "$prefix/python"
pip=("$here"/tools/pip-*.whl)
run "$prefix/python/bin/python" "${pip[0]}/pip" --quiet --isolated --no-cache-dir \
    --disable-pip-version-check install --no-index --find-links "$here/wheels" --no-deps "$here"/wheels/*.whl

echo "networks"
cp -a "$here/networks" "$prefix/networks"

"$prefix/bin/sitepose" --version >/dev/null
echo "installed: $prefix/bin/sitepose (try: $prefix/bin/sitepose doctor)"
