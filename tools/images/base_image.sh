#!/usr/bin/env bash
# Makes a base image for machines that cannot pull one: Debian with Python, from Debian's packages.
#
#   tools/images/base_image.sh agent-training-base:local
#
# Needs root, debootstrap and Docker. MIRROR= names another mirror of Debian. The image trusts this
# machine's certificate authorities and has its pip configuration: it is for this machine, not for others.
set -euo pipefail
name=${1:?name the image}
release=bookworm

for program in debootstrap docker tar; do
  command -v "$program" >/dev/null || { echo "base_image: there is no $program; install it (Debian and Ubuntu)" >&2; exit 1; }
done
[ "$(id -u)" = 0 ] || { echo "base_image: debootstrap needs root; run it with sudo" >&2; exit 1; }
docker version >/dev/null 2>&1 || { echo "base_image: Docker does not answer; start it" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

# A fixed time: the passwords' dates and the files' times are the same at every making.
export SOURCE_DATE_EPOCH=0
debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv "$release" "$root" ${MIRROR:+"$MIRROR"} \
  > "$work/log" || { tail -n 5 "$work/log" "$root/debootstrap/debootstrap.log" >&2 || true; exit 1; }

# What differs from making to making, and what no stage reads.
rm -rf "$root"/var/cache/{apt,debconf,ldconfig,man}/* "$root"/var/lib/apt/lists/* "$root"/var/log/* \
  "$root"/var/lib/dpkg/*-old "$root"/usr/share/{doc,locale,man,info}/* "$root"/tmp/* "$root"/etc/machine-id
# Bytecode that holds by hash: that of Debian holds by the sources' times, which become one time below.
find "$root"/usr -name __pycache__ -prune -exec rm -rf {} +
PYTHONHASHSEED=0 chroot "$root" python3 -m compileall -q -j 1 --invalidation-mode unchecked-hash /usr/lib/python3*
: > "$root/etc/machine-id"
: > "$root/etc/resolv.conf"
: > "$root/etc/hostname"

# What lets builds reach the package index where this machine reaches it by a proxy or a mirror.
certificates=/etc/ssl/certs/ca-certificates.crt
[ ! -f "$certificates" ] || cp "$certificates" "$root$certificates"
for file in "${PIP_CONFIG_FILE:-}" "${XDG_CONFIG_HOME:-$HOME/.config}/pip/pip.conf" "$HOME/.pip/pip.conf" /etc/pip.conf; do
  if [ -n "$file" ] && [ -f "$file" ]; then
    cp "$file" "$root/etc/pip.conf"
    break
  fi
done

tar --create --directory="$root" --sort=name --numeric-owner --mtime=@0 --exclude=./dev/* --exclude=./proc/* \
  --exclude=./sys/* . | docker import --change 'CMD ["bash"]' - "$name"
