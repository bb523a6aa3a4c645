#!/bin/sh
# Runs Sitepose with the libraries that were installed beside it; the system's own stay as they are.
prefix='@PREFIX@'
system=$prefix/system
libraries=$system/usr/lib/$(dpkg --print-architecture | sed 's/amd64/x86_64/;s/arm64/aarch64/')-linux-gnu
cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/sitepose

export LD_LIBRARY_PATH="$libraries:$system/lib/${libraries##*/}:$libraries/pulseaudio:$libraries/blas:$libraries/lapack${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export GI_TYPELIB_PATH="$libraries/girepository-1.0"
export GST_PLUGIN_SYSTEM_PATH_1_0="$libraries/gstreamer-1.0"
export GST_PLUGIN_SCANNER_1_0="$libraries/gstreamer1.0/gstreamer-1.0/gst-plugin-scanner"
# A list of plug-ins of its own: the system's GStreamer keeps another one at the usual place.
export GST_REGISTRY_1_0="$cache/gstreamer-registry.bin"
export GIO_MODULE_DIR="$libraries/gio/modules"
export XKB_CONFIG_ROOT="$system/usr/share/X11/xkb"
[ -e /etc/fonts/fonts.conf ] || export FONTCONFIG_FILE="$system/etc/fonts/sitepose.conf"

[ -z "$SITEPOSE_RUN" ] || exec "$@"

# The networks that came along are copied to where each user has theirs, once; another process may do the same now.
bring() {
    mkdir -p "${2%/*}" && cp -rp "$1" "$2.$$" && mv -T "$2.$$" "$2" || rm -rf "$2.$$"
}
for place in models recorded; do
    for network in "$prefix/networks/$place"/*; do
        copy=$cache/$place/${network##*/}
        [ -e "$copy" ] || [ ! -e "$network" ] || bring "$network" "$copy" 2>/dev/null
    done
done
exec "$prefix/python/bin/python" "$prefix/python/bin/sitepose" "$@"
