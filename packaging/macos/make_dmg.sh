#!/usr/bin/env bash
# Untried. Puts the application that PyInstaller made into a disk image: make_dmg.sh APPLICATION OUT_FOLDER
# For others to open it, sign and notarise first (codesign --options runtime --entitlements, xcrun notarytool).
set -euo pipefail

if [ $# -ne 2 ] || [ ! -d "$1/Contents" ]; then
    echo "usage: make_dmg.sh APPLICATION OUT_FOLDER; APPLICATION is dist/fer-studio.app" >&2
    exit 2
fi
version=$("$1/Contents/MacOS/fer-studio" --version | cut -d' ' -f2)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
ditto "$1" "$tree/fer-studio.app"
ln -s /Applications "$tree/Applications"
mkdir -p "$2"
hdiutil create -volname "fer-studio $version" -srcfolder "$tree" -format UDZO -ov "$2/fer-studio-$version.dmg"
