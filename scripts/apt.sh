# Sourced by the set-up scripts: Debian's packages, installed by root, else named for somebody who is.

# need COMMAND PACKAGE...: run COMMAND; where it fails, install the packages.
need() {
    local check=$1
    shift
    bash -c "$check" >/dev/null 2>&1 || install_packages "$@"
}

# need_packages LIST...: install what is missing of packaging/debian/LIST.txt.
need_packages() {
    local missing=() package
    for package in $(cat "${@/#/packaging/debian/}"); do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "install ok installed" || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
}

# install_packages PACKAGE...: install them as root, or say which line would, and end.
install_packages() {
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        echo "installing $*"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >/dev/null
    else
        echo "missing: $*; run: sudo apt-get install --no-install-recommends $*" >&2
        exit 1
    fi
}
