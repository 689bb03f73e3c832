#!/usr/bin/env bash
# Makes a Debian package of the frozen folder: make_deb.sh FROZEN_FOLDER OUT_FOLDER
# Its maintainer is DEBFULLNAME <DEBEMAIL>, as for Debian's own tools.
set -euo pipefail

if [ $# -ne 2 ] || [ ! -x "$1/fer-studio" ]; then
    echo "usage: make_deb.sh FROZEN_FOLDER OUT_FOLDER; FROZEN_FOLDER is what PyInstaller made, with fer-studio in it" >&2
    exit 2
fi
frozen=$(realpath "$1")
out=$(realpath -m "$2")
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
root=$(realpath "$here/../..")

version=$("$frozen/fer-studio" --version | cut -d' ' -f2)
architecture=$(dpkg --print-architecture)
maintainer="${DEBFULLNAME:-fer-studio developers} <${DEBEMAIL:-fer-studio@localhost}>"

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
chmod 755 "$tree"
install -d "$tree"/DEBIAN "$tree"/usr/{bin,lib} "$tree"/usr/share/{applications,doc/fer-studio}
cp -a "$frozen" "$tree/usr/lib/fer-studio"
chmod -R u=rwX,go=rX "$tree/usr/lib/fer-studio"
find "$tree/usr/lib/fer-studio" -name '*.so*' -exec chmod a-x {} +
ln -s ../lib/fer-studio/fer-studio "$tree/usr/bin/fer-studio"
install -m 644 "$here/fer-studio.desktop" "$tree/usr/share/applications/"
install -m 644 "$here/copyright" "$tree/usr/share/doc/fer-studio/copyright"
gzip -9n < "$root/CHANGELOG.md" > "$tree/usr/share/doc/fer-studio/NEWS.gz"
printf 'fer-studio (%s) stable; urgency=medium\n\n  * See NEWS.gz.\n\n -- %s  %s\n' \
    "$version" "$maintainer" "$(date -R -r "$root/CHANGELOG.md")" |
    gzip -9n > "$tree/usr/share/doc/fer-studio/changelog.gz"
for size in 16 32 48 64 128 256 512; do
    install -D -m 644 "$root/assets/icon/fer-studio-$size.png" \
        "$tree/usr/share/icons/hicolor/${size}x${size}/apps/fer-studio.png"
done
install -D -m 644 "$root/assets/icon/fer-studio.svg" "$tree/usr/share/icons/hicolor/scalable/apps/fer-studio.svg"
size_kib=$(du -sk --exclude=DEBIAN "$tree" | cut -f1)
install -d "$tree/usr/share/lintian/overrides"
echo "fer-studio: embedded-library *" > "$tree/usr/share/lintian/overrides/fer-studio"  # from wheels, on purpose
# Dependencies are on one line in a binary package.
sed "s/@VERSION@/$version/; s/@ARCHITECTURE@/$architecture/; s/@SIZE_KIB@/$size_kib/; s|@MAINTAINER@|$maintainer|" \
    "$here/control.in" | sed -z 's/,\n /, /g' > "$tree/DEBIAN/control"
(cd "$tree" && find usr -type f -print0 | sort -z | xargs -0 md5sum > DEBIAN/md5sums)

mkdir -p "$out"
# Not xz, which takes minutes: dpkg reads zstd since Debian 12 and Ubuntu 22.04.
dpkg-deb --root-owner-group -Zzstd --build "$tree" "$out/fer-studio_${version}_${architecture}.deb"
