#!/usr/bin/env bash
# Put all that Sitepose needs into one folder, and one tar file of it, for a machine without network or root rights.
set -euo pipefail
cd "$(dirname "$0")/.."

usage="usage: scripts/bundle.sh [--with torch] [--models 'NAME ...'] [--output DIR] [PYTHON]
  --with torch   also PyTorch and the detectors on it, as requirements/torch.txt names them
  --models       cards or presets to take along; default: portable
  --output       default: out/bundle
  PYTHON         of Sitepose's environment; default: .venv/bin/python"
python=.venv/bin/python output=out/bundle models=portable torch=
while [ $# -gt 0 ]; do
    case $1 in
        --with) [ "${2:-}" = torch ] || { echo "--with: torch is what can be added, not '${2:-}'" >&2; exit 2; }
            torch=yes; shift ;;
        --models) models=${2:?$usage}; shift ;;
        --output) output=${2:?$usage}; shift ;;
        -*) echo "$usage" >&2; exit 2 ;;
        *) python=$1 ;;
    esac
    shift
done
source scripts/apt.sh
command -v apt-get >/dev/null || { echo "the bundle is made on Debian 12, of its packages" >&2; exit 1; }
"$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' ||
    { echo "the bundle brings Python 3.11, and its wheels must be made with the same" >&2; exit 1; }
need_packages build.txt

name=sitepose-$("$python" main.py --version | cut -d' ' -f2)-debian12-$(dpkg --print-architecture)
folder=$output/$name
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -rf "$folder"
mkdir -p "$folder"/{wheels,debs,tools}

wheels() {
    echo "wheels"
    "$python" -m pip wheel --quiet --no-deps --require-hashes -r requirements/bundle.lock -w "$folder/wheels"
    # Built from a copy: setuptools would leave its traces in the checkout, and take old ones along.
    git ls-files -z --cached --others --exclude-standard |
        tar --null --ignore-failed-read -cf - -T - | tar -xf - -C "$work" --one-top-level=source
    "$python" -m pip wheel --quiet --no-deps -w "$folder/wheels" "$work/source"
    "$python" -m pip download --quiet --no-deps --only-binary :all: -d "$folder/tools" pip
    [ -z "$torch" ] || torch_wheels
}

# PyTorch has its dependencies resolved here, with the versions of everything else as they are.
torch_wheels() {
    grep -E '^[a-z0-9._-]+==' requirements/bundle.lock | sed 's/ \\$//' >"$work/pins.txt"
    "$python" -m pip wheel --quiet -r requirements/torch.txt -c "$work/pins.txt" -w "$folder/wheels"
    rm -f "$folder"/wheels/opencv_python-*
}

# Everything below the packages that we want, less what every Debian has.
debs() {
    echo "Debian packages"
    : >"$work/nothing-installed"
    local every=(-o "Dir::State::status=$work/nothing-installed" --no-install-recommends)
    local base wanted
    base=$(apt-cache dumpavail | awk -v RS= '/(^|\n)(Essential: yes|Priority: required)(\n|$)/ {print $2}' | sort -u)
    wanted=$(cat packaging/debian/{live,window,python}.txt)
    closure "${every[@]}" $base apt >"$work/base"
    closure "${every[@]}" $wanted >"$work/all"
    comm -13 "$work/base" "$work/all" >"$work/packages"
    (cd "$folder/debs" && xargs apt-get download -qq -o APT::Sandbox::User=root <"$work/packages" >/dev/null)
}

closure() {
    apt-get install --simulate "$@" | awk '/^Inst / {print $2}' | sort -u
}

networks() {
    echo "networks: $models"
    "$python" main.py models pull --cache "$work/cache" $models >/dev/null
    mkdir "$folder/networks"
    # Not what was fetched on the way: the packages that they are members of, and locks.
    cp -a "$work"/cache/{models,recorded} "$folder/networks/" 2>/dev/null || cp -a "$work/cache/models" "$folder/networks/"
}

wheels
debs
networks
cp packaging/bundle/install.sh packaging/bundle/sitepose.sh packaging/bundle/README.md LICENSE "$folder/"
cp -r packaging/systemd "$folder/"
mkdir "$folder/docs"
cp docs/*.md "$folder/docs/"
(cd "$folder" && find . -type f ! -name SHA256SUMS -print0 | sort -z | xargs -0 sha256sum >SHA256SUMS)
tar -cf "$folder.tar" -C "$output" "$name"
echo "$folder.tar: $(du -h "$folder.tar" | cut -f1), $(ls "$folder/wheels" | wc -l) wheels, $(ls "$folder/debs" | wc -l) Debian packages"
