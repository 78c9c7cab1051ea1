#!/bin/sh
# rspauth of RFC 2617 3.2.3 for the Authorization header field in $1 and the password in $2, into the file $3.
set -eu
field() { printf '%s' "$1" | sed -n "s/.*[ ,]$2=\"\{0,1\}\([^\",]*\).*/\1/p"; }
md5() { printf '%s' "$1" | md5sum | cut -d' ' -f1; }
user=$(field "$1" username) realm=$(field "$1" realm) nonce=$(field "$1" nonce)
uri=$(field "$1" uri) cnonce=$(field "$1" cnonce) nc=$(field "$1" nc)
proof=$(md5 "$(md5 "$user:$realm:$2"):$nonce:$nc:$cnonce:auth:$(md5 ":$uri")")
printf 'Authentication-Info: qop=auth, rspauth="%s", cnonce="%s", nc=%s' "$proof" "$cnonce" "$nc" >"$3.part"
mv "$3.part" "$3"
