#!/usr/bin/env bash
# Makes an image that holds the program kustomize of this machine and nothing else, for those that cannot pull one:
# publish's Dockerfile takes the program from it.
#
#   tools/images/kustomize_image.sh agent-training-kustomize:local
set -euo pipefail
name=${1:?name the image}

program=$(command -v kustomize) || { echo "kustomize_image: there is no kustomize; install it" >&2; exit 1; }
docker version >/dev/null 2>&1 || { echo "kustomize_image: Docker does not answer; start it" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/app"
cp "$program" "$work/app/kustomize"
chmod -R 755 "$work/app"
# One time and owner: the same program gives the same layer.
tar --create --directory="$work" --sort=name --numeric-owner --owner=0 --group=0 --mtime=@0 app \
  | docker import --change 'ENTRYPOINT ["/app/kustomize"]' - "$name"
