#!/bin/sh
# Makes the two fonts of the headline cards from Debian's fonts-noto-core, with fonttools (PyPI) on the PATH.
# usage: assets/fonts/build.sh /usr/share/fonts/truetype/noto
set -eu
from=$1
to=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
latin=U+0020-007E,U+00A0-024F,U+0259,U+02B0-02FF,U+0300-036F,U+0370-03FF,U+0400-052F,U+1E00-1EFF,U+2000-2027,U+202F-205F,U+2070-209C,U+20A0-20BF,U+2100-2122,U+2190-2193,U+2212,U+2215,U+25CF,U+FB00-FB04,U+FFFD
arabic=U+060C-06FF,U+0750-077F,U+FDFC,U+FDF2
hebrew=U+0590-05FF,U+FB1D-FB4F
for weight in Regular Bold; do
    for part in "NotoSans $latin" "NotoSansArabic $arabic" "NotoSansHebrew $hebrew"; do
        # shellcheck disable=SC2086
        set -- $part
        pyftsubset "$from/$1-$weight.ttf" --unicodes="$2" --no-hinting \
            --layout-features=ccmp,locl,mark,mkmk,kern,liga,rlig,calt,init,medi,fina,isol,curs,dist \
            --name-IDs=0,1,2,3,4,5,6,13,14 --drop-tables+=DSIG,meta,GDSC --output-file="$work/$1-$weight.ttf"
    done
    pyftmerge --output-file="$to/NotoSans-$weight.ttf" \
        "$work/NotoSans-$weight.ttf" "$work/NotoSansArabic-$weight.ttf" "$work/NotoSansHebrew-$weight.ttf"
done
